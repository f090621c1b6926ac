//! The network between the sites, and what lives on it.
//!
//! It loses, doubles, delays, reorders and cuts messages and answers, and proxies on it answer themselves. A request whose
//! sender has given up may be processed later all the same.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use civishare::delivery::http::{Post, Reply, Transport, TransportError};
use civishare::intake::{self, Intake};
use civishare::store::{Store, StoreError};

use crate::check::Truth;
use crate::dice::{Clock, Dice, MINUTE, SECOND, lock};
use crate::faults::process;
use crate::plan::{Plan, Trouble};
use crate::site::{Memory, Site};

/// A message that its sender no longer waits for.
pub struct Packet {
    to: usize,
    service: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// True time from which on it may arrive.
    due: u64,
}

/// Sites, the network between them, and the ledger of what is true.
pub struct Net {
    pub plan: Plan,
    pub dice: Arc<Dice>,
    pub clock: Arc<Clock>,
    pub sites: Vec<Site>,
    pub truth: Mutex<Truth>,
    pub packets: Mutex<Vec<Packet>>,
    /// What goes wrong at present.
    pub trouble: Mutex<Trouble>,
}

/// A site's way to the others.
pub struct Line<'n> {
    pub net: &'n Net,
    pub from: usize,
}

impl Transport for Line<'_> {
    fn post(&self, post: &Post<'_>) -> Result<Reply, TransportError> {
        let net = self.net;
        let dice = &net.dice;
        let trouble = lock(&net.trouble).clone();
        let (to, service) =
            address(post.url).ok_or_else(|| TransportError::Url(post.url.to_owned()))?;
        net.clock.advance(dice.within(5..800));
        let too_slow = || {
            net.clock.advance(30 * SECOND);
            Err(TransportError::TooSlow(Duration::from_secs(30)))
        };
        let packet = |body: &[u8], later: u64| Packet {
            to,
            service: service.clone(),
            headers: post
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            body: body.to_vec(),
            due: net.clock.now() + later,
        };
        net.note(|| format!("{} posts {service} to {to}", self.from));
        if dice.chance(trouble.lose) {
            net.note(|| "  which is lost".to_owned());
            return too_slow();
        }
        if dice.chance(trouble.delay) {
            net.note(|| "  which is delayed".to_owned());
            let later = dice.within(SECOND..20 * MINUTE);
            lock(&net.packets).push(packet(post.body, later));
            return too_slow();
        }
        if dice.chance(trouble.proxy) {
            return Ok(by_proxy(dice));
        }
        if dice.chance(trouble.double) {
            let later = dice.within(1..5 * MINUTE);
            lock(&net.packets).push(packet(post.body, later));
        }
        let cut = dice.chance(trouble.cut);
        let body = if cut && dice.chance(500) {
            &post.body[..dice.below(post.body.len())]
        } else {
            post.body
        };
        let reply = net.deliver(&packet(body, 0));
        let Some(mut reply) = reply else {
            return Err(TransportError::NoConnection("refused".to_owned()));
        };
        if dice.chance(trouble.lose) {
            net.note(|| "  whose answer is lost".to_owned());
            return too_slow();
        }
        if cut && dice.chance(500) {
            let length = dice.below(reply.body.len());
            reply.body.truncate(length);
        }
        Ok(reply)
    }
}

/// What something between two sites answers.
fn by_proxy(dice: &Dice) -> Reply {
    let (status, body) = match dice.below(9) {
        0 => (200, "<html>Welcome to our guest network</html>"),
        1 => (502, "<html>Bad gateway</html>"),
        2 => (413, "<html>Too large</html>"),
        3 => (
            202,
            r#"{"accepted":1,"ignored":0,"rejected":[],"service":"changes-answer"}"#,
        ),
        4 => (409, r#"{"expected_seq":1,"service":"changes-answer"}"#),
        5 => (410, "{}"),
        6 => (400, "{}"),
        7 => (503, "<html>We are back soon</html>"),
        _ => (302, ""),
    };
    Reply {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn address(url: &str) -> Option<(usize, String)> {
    let rest = url.strip_prefix("https://site")?;
    let (site, path) = rest.split_once('.')?;
    Some((site.parse().ok()?, path.rsplit('/').next()?.to_owned()))
}

impl Net {
    /// A line for the trace; made only when somebody will read it.
    pub fn note(&self, line: impl FnOnce() -> String) {
        lock(&self.truth).trace.note(self.clock.now(), line);
    }

    /// A request arrives. `None` if no answer leaves the site.
    fn deliver(&self, packet: &Packet) -> Option<Reply> {
        let site = self.sites.get(packet.to)?;
        if site.down_until.load(Ordering::Relaxed) > self.clock.now() {
            return None;
        }
        let answer = process(|| self.receive(site, packet));
        if answer.is_none() {
            self.crashed(site);
        }
        answer.flatten()
    }

    fn receive(&self, site: &Site, packet: &Packet) -> Option<Reply> {
        if !self.fits(site) {
            return Some(Reply {
                status: 503,
                ..Reply::default()
            });
        }
        let headers: Vec<(&str, &str)> = packet
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let request = intake::Request {
            service: &packet.service,
            headers: &headers,
            body: &packet.body,
        };
        let sender = request.header("civishare-sender");
        let end = site.ends.iter().find(|end| end.into.remote == sender);
        let store = || -> Result<&dyn Store, StoreError> { Ok(&site.disk) };
        let received = Intake {
            store: &store,
            world: &site.world,
            node: &site.node,
            software: "simulation",
            inbox_limit: None,
        }
        .receive(&request, end.map(|end| &end.into));
        self.note(|| format!("  {} answers {}", site.index, received.response.status));
        Some(Reply {
            status: received.response.status,
            headers: received
                .response
                .headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body: received.response.body,
        })
    }

    /// What was under way and is due arrives, in any order. Tells whether there was something.
    pub fn deliver_due(&self) -> bool {
        let now = self.clock.now();
        let mut due: Vec<Packet> = {
            let mut packets = lock(&self.packets);
            let (due, later) = packets.drain(..).partition(|packet| packet.due <= now);
            *packets = later;
            due
        };
        let any = !due.is_empty();
        while !due.is_empty() {
            let packet = due.swap_remove(self.dice.below(due.len()));
            self.note(|| format!("a late message reaches {}", packet.to));
            self.deliver(&packet);
        }
        any
    }

    /// The machine is back with nothing but what was on disk.
    pub fn crashed(&self, site: &Site) {
        self.note(|| format!("{} crashes", site.index));
        *lock(&site.memory) = Memory::default();
        let down = self.dice.within(0..3 * MINUTE);
        site.down_until
            .store(self.clock.now() + down, Ordering::Relaxed);
    }

    /// Runs a process of a site, if the site is up.
    pub fn at(&self, index: usize, work: impl FnOnce(&Site)) {
        let site = &self.sites[index];
        if site.down_until.load(Ordering::Relaxed) <= self.clock.now()
            && process(|| work(site)).is_none()
        {
            self.crashed(site);
        }
    }
}
