//! The resources of a process, as the kernel counts them.

use std::fs;
use std::time::Duration;

/// The CPU time of all threads of a process.
///
/// # Errors
/// If the kernel doesn't say.
pub fn cpu_time(pid: u32) -> Result<Duration, String> {
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
