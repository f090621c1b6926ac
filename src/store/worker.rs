//! Who holds a lease: a process, described so that another one can tell whether it still lives.
//!
//! A process that was killed gives nothing back. Where its successor runs on the same machine it need not wait for the end of
//! the lease. Anywhere else, and in doubt, a worker counts as alive.

use std::fs;
use std::process;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// This process: machine, PID namespace, PID and start time (a PID is given out again), parted by colons.
#[must_use]
pub fn this_process() -> String {
    let pid = process::id();
    format!("{}{pid}:{}", surroundings(), start(pid).unwrap_or_default())
}

/// This process, and what tells its threads apart.
#[must_use]
pub fn this_thread(name: &str) -> String {
    format!("{} {name}", this_process())
}

/// Whether `worker` was a process of this machine that has ended.
#[must_use]
pub fn is_gone(worker: &str) -> bool {
    let process = worker
        .split_once(' ')
        .map_or(worker, |(process, _)| process);
    let Some((pid, started)) = process
        .strip_prefix(&surroundings())
        .and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    let Some(number) = pid.parse::<u32>().ok() else {
        return false;
    };
    let Ok(signed) = i32::try_from(number) else {
        return false;
    };
    // Another user's process may be hidden in /proc, but not from this.
    kill(Pid::from_raw(signed), None) == Err(Errno::ESRCH)
        || start(number).is_some_and(|now| now != started)
}

/// Where a PID means something: the machine's name, which containers have of their own, and the namespace.
fn surroundings() -> String {
    let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let namespace: String = namespace
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    format!("{}:{namespace}:", machine.trim())
}

/// The start time in clock ticks since boot: field 22 of `/proc/PID/stat` (proc(5)), counted behind the command's name, which
/// may hold anything. A dead one that its parent has not yet waited for has none.
fn start(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => Some(String::new()),
        _ => fields.nth(18).map(str::to_owned),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_not_gone() {
        assert!(!is_gone(&this_process()));
        assert!(!is_gone(&this_thread("a")));
    }

    #[test]
    fn a_process_that_has_ended_is_gone() {
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
        let worker = format!(
            "{}{}:{}",
            surroundings(),
            child.id(),
            start(child.id()).unwrap()
        );
        assert!(!is_gone(&worker));
        child.kill().unwrap();
        // Killed, but nobody has waited for it yet.
        while start(child.id()) != Some(String::new()) {
            std::thread::yield_now();
        }
        assert!(is_gone(&worker));
        child.wait().unwrap();
        assert!(is_gone(&worker));
    }

    #[test]
    fn a_process_id_that_was_given_out_again_is_gone() {
        let (rest, started) = this_process()
            .rsplit_once(':')
            .map(|(rest, started)| (rest.to_owned(), started.to_owned()))
            .unwrap();
        assert!(is_gone(&format!("{rest}:{started}0")));
        assert!(is_gone(&format!("{rest}:{started}0 a")));
    }

    #[test]
    fn what_runs_elsewhere_or_says_nothing_is_not_gone() {
        for worker in ["", "a", "elsewhere:1:999999:1", "node1:worker"] {
            assert!(!is_gone(worker), "{worker}");
        }
    }
}
