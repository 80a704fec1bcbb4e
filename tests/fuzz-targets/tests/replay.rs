//! Every seed of every target, and some thousand inputs made from them, so that a test run without cargo-fuzz also
//! tries new inputs.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fuzz_targets::{Random, TARGETS, Target};

/// The number of inputs that are made from each target's seeds.
const MADE: usize = 2_000;

/// Bytes that some parser treats specially.
const WORDS: [&[u8]; 40] = [
    b"%2e",
    b"%2E%2e",
    b"..",
    b".",
    b"/",
    b"//",
    b"\\",
    b"%2f",
    b"%5c",
    b";",
    b"%3b",
    b"%25",
    b"%252e",
    b"%252F",
    b"%",
    b"%32%65",
    b"%u002e",
    b"%E9",
    b"%83%5c",
    b"%c0%ae",
    b"%25c0",
    b"\xe9",
    b"%2561",
    b"%00",
    b"%61dmin",
    b"admin",
    b"public",
    b"=",
    b"; ",
    b",",
    b"&state=",
    b"\n",
    b"\0",
    b"\xff",
    b"\"",
    b"{}",
    b"null",
    b"__Host-auth=",
    b"x_auth_user: ",
    b"@",
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target.name);
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.display().to_string(), fs::read(&file).unwrap())).collect()
}

/// The report about an input for which something is wrong.
fn fault(target: &Target, from: &str, data: &[u8]) -> Option<String> {
    let held = catch_unwind(AssertUnwindSafe(|| (target.run)(data)));
    held.is_err().then(|| format!("{} fails with an input from {from}: {}", target.name, data.escape_ascii()))
}

#[test]
fn every_target_has_seeds_and_a_binary() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in &TARGETS {
        assert!(seeds(target).len() >= 5, "{} has next to no seeds in fuzz/corpus", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} has no binary", target.name);
    }
    let folders = fs::read_dir(fuzz().join("corpus")).unwrap().count();
    assert_eq!(folders, TARGETS.len(), "every folder of seeds belongs to a target");
}

#[test]
fn every_seed_holds() {
    let faults = TARGETS
        .iter()
        .flat_map(|target| seeds(target).into_iter().filter_map(|(file, data)| fault(target, &file, &data)));
    assert_eq!(faults.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn what_is_made_of_seeds_holds() {
    let first_fault = |target: &Target| {
        let (seeds, mut random) = (seeds(target), Random(2026));
        (0..MADE).find_map(|_| {
            let (file, data) = &seeds[random.below(seeds.len())];
            let (_, other) = &seeds[random.below(seeds.len())];
            fault(target, file, &mutated(data, other, &mut random))
        })
    };
    assert_eq!(TARGETS.iter().filter_map(first_fault).collect::<Vec<_>>(), [""; 0]);
}

/// A seed after a few changes: bytes changed, inserted and removed, words inserted, and the end of another seed
/// appended.
fn mutated(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => drop(data.drain(at..(at + 1 + random.below(8)).min(data.len()))),
            2 => data.insert(at, random.bytes(1)[0]),
            3 => {
                let end = (at + random.below(16)).min(data.len());
                let again = data[at..end].to_vec();
                drop(data.splice(at..at, again));
            }
            4 => {
                data.truncate(at);
                data.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            _ => drop(data.splice(at..at, random.pick(&WORDS).iter().copied())),
        }
    }
    data
}
