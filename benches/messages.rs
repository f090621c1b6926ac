//! The native half of `benches/native.php` for what PHP cannot call apart from HTTP and the store: queued changes become
//! signed messages, by the functions that `delivery` calls.
//!
//! Commands come on standard input, one a line (`send`, `send_filtered`), each is answered by the nanoseconds of CPU time it
//! took and the SHA-512 of the messages, so that PHP can hold them against its own. Arguments: a file of changes, one canonical text a
//! line; node, remote, secret, epoch; Unix milliseconds; the attributes that a filter lets through, parted by commas.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::io::BufRead;

use civishare::delivery::{MAX_BYTES, MAX_CHANGES};
use civishare::message::{Changes, Common};
use civishare::signature::Key;
use civishare::{change, headers, time};
use nix::time::ClockId;
use sha2::{Digest, Sha512};

type Failure = Box<dyn std::error::Error>;

struct Bench {
    texts: Vec<String>,
    node: String,
    remote: String,
    key: Key,
    epoch: String,
    now: u64,
    allowed: BTreeSet<String>,
}

/// A message and the headers that sign it.
type Message = (String, Vec<(&'static str, String)>);

impl Bench {
    fn read(arguments: &[String]) -> Result<Bench, Failure> {
        let [file, node, remote, secret, epoch, now, allowed] = arguments else {
            return Err("seven arguments are needed".into());
        };
        Ok(Bench {
            texts: std::fs::read_to_string(file)?
                .lines()
                .map(str::to_owned)
                .collect(),
            node: node.clone(),
            remote: remote.clone(),
            key: Key::parse(secret)?,
            epoch: epoch.clone(),
            now: now.parse()?,
            allowed: allowed.split(',').map(str::to_owned).collect(),
        })
    }

    /// As `delivery::batch` gathers and `delivery` signs: texts are joined, then the message is written around them.
    fn send(&self, filtered: bool) -> Result<Vec<Message>, Failure> {
        let mut messages = Vec::new();
        let (mut joined, mut count) = (String::new(), 0);
        for text in &self.texts {
            let sealed = if filtered {
                let allowed = |name: &str| self.allowed.contains(name);
                match change::filtered(text, &self.node, &allowed)? {
                    Some(sealed) => Some(sealed),
                    None => continue,
                }
            } else {
                None
            };
            let text = sealed.as_ref().map_or(text, |sealed| &sealed.text);
            if count >= MAX_CHANGES || count > 0 && joined.len() + 1 + text.len() > MAX_BYTES {
                messages.push(self.sign(&joined, messages.len()));
                joined.clear();
                count = 0;
            }
            if count > 0 {
                joined.push('\n');
            }
            joined.push_str(text);
            count += 1;
        }
        messages.push(self.sign(&joined, messages.len()));
        Ok(messages)
    }

    fn sign(&self, joined: &str, index: usize) -> Message {
        let sent = time::write(self.now);
        let common = Common {
            service: "changes",
            sender: &self.node,
            recipient: &self.remote,
            sent: &sent,
        };
        let id = format!("bench-{index}");
        let changes = Changes {
            common,
            epoch: &self.epoch,
            seq: index as u64 + 1,
            texts: joined.lines(),
        };
        let body = changes.body(&id, &self.key, joined.len());
        let signed = headers::sign(&id, &self.node, &self.key, self.now, body.as_bytes());
        (body, signed)
    }
}

/// Nanoseconds that this process has computed.
fn cpu_time() -> Result<i128, Failure> {
    let time = ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?;
    Ok(i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec()))
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bench = Bench::read(&arguments)?;
    for command in std::io::stdin().lock().lines() {
        let filtered = match command?.as_str() {
            "send" => false,
            "send_filtered" => true,
            other => return Err(format!("{other:?} is no command").into()),
        };
        let begin = cpu_time()?;
        let messages = black_box(bench.send(filtered)?);
        let took = cpu_time()? - begin;
        let mut hash = Sha512::new();
        for (body, signed) in &messages {
            hash.update(body);
            for (name, value) in signed {
                hash.update(format!("\n{name}: {value}"));
            }
        }
        let digest: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        println!("{took} {digest}");
    }
    Ok(())
}
