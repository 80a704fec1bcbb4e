//! The resources of a process, as the kernel counts them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The CPU time of all threads of a process. Under Valgrind (see `callgrind.sh`), a nanosecond for each instruction.
///
/// # Errors
/// If the kernel doesn't say.
pub fn cpu_time(pid: u32) -> Result<Duration, String> {
    if is_counted(pid) {
        return instructions(pid).map(Duration::from_nanos);
    }
    let threads =
        fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("process {pid}: {error}"))?;
    let mut nanos: u64 = 0;
    for thread in threads.flatten() {
        // The fields are time on a processor, time waiting for one, and slices: the first is needed.
        let file = thread.path().join("schedstat");
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let first = text.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok());
        nanos += first.ok_or_else(|| format!("{} has no time", file.display()))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Whether Valgrind runs a process and counts its instructions.
pub fn is_counted(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    program.is_ok_and(|program| program.to_string_lossy().contains("callgrind"))
}

/// The instructions that a process under Valgrind has run since it began to count.
fn instructions(pid: u32) -> Result<u64, String> {
    vgdb(pid, &["instrumentation", "on"])?;
    vgdb(pid, &["dump"])?;
    // Each dump has the instructions since the last one, and a number.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/callgrind");
    let mut total = 0;
    for number in 1.. {
        let Ok(dump) = fs::read_to_string(root.join(format!("out.{pid}.{number}"))) else { break };
        let counted = dump.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<u64>().ok());
        total += counted.unwrap_or(0);
    }
    Ok(total)
}

fn vgdb(pid: u32, command: &[&str]) -> Result<(), String> {
    let done = Command::new("vgdb").arg(format!("--pid={pid}")).args(command).output();
    let done = done.map_err(|error| format!("vgdb: {error}"))?;
    if done.status.success() {
        Ok(())
    } else {
        Err(format!("vgdb: {}", String::from_utf8_lossy(&done.stderr)))
    }
}

/// The memory of a process that is in RAM, in bytes.
///
/// # Errors
/// As [`cpu_time`].
pub fn memory(pid: u32) -> Result<u64, String> {
    let file = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let kib = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let kib: u64 =
        kib.and_then(|kib| kib.trim().parse().ok()).ok_or_else(|| format!("{file} has no VmRSS"))?;
    Ok(kib * 1024)
}
