//! What a seed stands for: who peers with whom, how sites differ, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use civishare::causality::{PeeringId, Rule, Values};

use crate::dice::Dice;

/// Attributes that hold text.
pub const TEXTS: [&str; 5] = [
    "first_name",
    "last_name",
    "job_title",
    "nick_name",
    "greeting",
];

/// Never filtered and never edited: what people are matched by.
pub const EMAIL: &str = "email_primary.email";

/// A privacy flag, false by default.
pub const FLAG: &str = "do_not_mail";

/// Every shared attribute.
pub fn attributes() -> impl Iterator<Item = &'static str> {
    TEXTS.into_iter().chain([EMAIL, FLAG])
}

/// What a peering lets through one way: `None` for every attribute.
pub type Flow = Option<BTreeSet<String>>;

/// A filter for whole contacts: which of them leave an end, by what they hold. An edit may bring one in or out.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    pub name: &'static str,
    /// The copy of one that leaves is withdrawn.
    pub withdraws: bool,
}

impl Gate {
    pub fn admits(&self, values: &Values) -> bool {
        let last = values
            .get(self.name)
            .and_then(|value| value.as_str())
            .and_then(|text| text.bytes().last());
        last.is_none_or(|last| last % 3 != 0)
    }
}

/// A peering, with what each end has set.
#[derive(Clone, Debug)]
pub struct Edge {
    pub ends: [usize; 2],
    /// What leaves each end; `None` if nothing does.
    pub flows: [Option<Flow>; 2],
    pub gates: [Option<Gate>; 2],
    /// Each end's rule for conflicts.
    pub rules: [Rule; 2],
}

impl Edge {
    /// The peering's number at one end.
    pub fn id(index: usize, end: usize) -> PeeringId {
        i64::try_from(index * 2 + end + 1).unwrap_or_default()
    }

    /// Whether all that is promised of this attribute is promised across here.
    pub fn promises(&self, name: &str) -> bool {
        self.rules == [Rule::Latest; 2]
            && self.gates.iter().all(Option::is_none)
            && self.flows.iter().all(|flow| match flow {
                None => false,
                Some(None) => true,
                Some(Some(names)) => names.contains(name),
            })
    }

    pub fn both_ways(&self) -> bool {
        self.gates.iter().all(Option::is_none) && self.flows.iter().all(Option::is_some)
    }
}

/// A rule of a site: whenever `from` changes, `to` of the same contact (or of its neighbour) is derived from it.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    pub from: &'static str,
    pub to: &'static str,
    pub neighbour: bool,
}

#[derive(Clone, Debug, Default)]
pub struct SitePlan {
    pub hooks: Vec<Hook>,
    /// Attributes that the site writes in its own way.
    pub alters: BTreeSet<&'static str>,
}

/// How often what goes wrong, per mille.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    pub crash: u32,
    pub locked: u32,
    pub full: u32,
    pub lose: u32,
    pub double: u32,
    pub delay: u32,
    pub cut: u32,
    pub proxy: u32,
    pub slow: u32,
    pub clock: u32,
    pub restore: u32,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub shape: &'static str,
    pub sites: Vec<SitePlan>,
    pub edges: Vec<Edge>,
    pub trouble: Trouble,
    pub steps: usize,
    /// People are matched by e-mail when they arrive.
    pub matching: bool,
    pub merges: bool,
    pub deletes: bool,
}

impl Plan {
    pub fn new(dice: &Dice) -> Plan {
        let count = match dice.below(100) {
            0 => 12 + dice.below(39),
            1..=9 => 6 + dice.below(6),
            10..=39 => 4 + dice.below(2),
            40..=69 => 3,
            _ => 2,
        };
        let (shape, pairs) = topology(dice, count);
        let with_filters = dice.chance(300);
        let with_rules = dice.chance(200);
        let edges = pairs
            .into_iter()
            .map(|(a, b)| edge(dice, a, b, with_filters, with_rules))
            .collect();
        let derives = dice.chance(350);
        let alters = dice.chance(250);
        let mut sites = vec![SitePlan::default(); count];
        if derives {
            // At most three sites derive, as what a chain can set off grows with the factorial of their number.
            for _ in 0..1 + dice.below(3) {
                let site = dice.below(count);
                let from = *dice.pick(&TEXTS);
                let to = *dice.pick(&TEXTS);
                if from != to {
                    let neighbour = dice.chance(200);
                    sites[site].hooks.push(Hook {
                        from,
                        to,
                        neighbour,
                    });
                }
            }
        }
        if alters {
            for _ in 0..1 + dice.below(2) {
                let site = dice.below(count);
                sites[site].alters.insert(*dice.pick(&TEXTS));
            }
        }
        let network = |per_mille: u32| if dice.chance(600) { per_mille } else { 0 };
        let trouble = if dice.chance(150) {
            Trouble::default()
        } else {
            Trouble {
                lose: network(80),
                double: network(60),
                delay: network(80),
                cut: network(40),
                proxy: network(40),
                slow: if dice.chance(500) { 150 } else { 0 },
                crash: if dice.chance(500) { 8 } else { 0 },
                locked: if dice.chance(200) { 10 } else { 0 },
                full: if dice.chance(200) { 15 } else { 0 },
                clock: if dice.chance(300) { 20 } else { 0 },
                restore: if dice.chance(200) { 10 } else { 0 },
            }
        };
        let merges = dice.chance(400);
        let mut plan = Plan {
            shape,
            sites,
            edges,
            trouble,
            steps: 60 + dice.below(200) + if count > 6 { 150 } else { 0 },
            matching: dice.chance(500),
            merges,
            deletes: dice.chance(600),
        };
        if dice.chance(200) {
            for edge in &mut plan.edges {
                for gate in &mut edge.gates {
                    if dice.chance(400) {
                        let name = *dice.pick(&TEXTS);
                        *gate = Some(Gate {
                            name,
                            withdraws: dice.chance(500),
                        });
                    }
                }
            }
        }
        plan.leave_out(&std::env::var("CIVISHARE_SIM_WITHOUT").unwrap_or_default());
        plan
    }

    /// Leaves out what somebody who looks for a cause does not want to see: any of `matching`, `merges`, `deletes`, `gates`, `hooks`,
    /// `rules`, `restore`, `clock`, `faults` (all of them).
    fn leave_out(&mut self, words: &str) {
        for word in words.split(',') {
            match word {
                "matching" => self.matching = false,
                "merges" => self.merges = false,
                "deletes" => self.deletes = false,
                "gates" => self
                    .edges
                    .iter_mut()
                    .for_each(|edge| edge.gates = [None; 2]),
                "hooks" => self.sites.iter_mut().for_each(|site| site.hooks.clear()),
                "rules" => {
                    for edge in &mut self.edges {
                        edge.rules = [Rule::Latest; 2];
                    }
                }
                "restore" => self.trouble.restore = 0,
                "clock" => self.trouble.clock = 0,
                "faults" => self.trouble = Trouble::default(),
                _ => {}
            }
        }
    }

    /// The peerings of a site: index of the edge and which end it is.
    pub fn peerings(&self, site: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.edges
            .iter()
            .enumerate()
            .flat_map(move |(index, edge)| {
                (0..2)
                    .filter(move |end| edge.ends[*end] == site)
                    .map(move |end| (index, end))
            })
    }

    /// Sites that anything open both ways connects, by a rule for which edges count.
    pub fn components(&self, counts: impl Fn(&Edge) -> bool) -> BTreeMap<usize, Vec<usize>> {
        let mut root: Vec<usize> = (0..self.sites.len()).collect();
        fn find(root: &[usize], mut site: usize) -> usize {
            while root[site] != site {
                site = root[site];
            }
            site
        }
        for edge in self.edges.iter().filter(|edge| counts(edge)) {
            let (a, b) = (find(&root, edge.ends[0]), find(&root, edge.ends[1]));
            root[a.max(b)] = a.min(b);
        }
        let mut components: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for site in 0..self.sites.len() {
            components.entry(find(&root, site)).or_default().push(site);
        }
        components
    }

    /// Attributes that some site writes in its own way, so that no equality of values is promised: those that it alters, and
    /// those that its rules derive (what they do to a change that has come round is local).
    pub fn rendered(&self) -> BTreeSet<&'static str> {
        self.sites
            .iter()
            .flat_map(|site| {
                site.alters
                    .iter()
                    .copied()
                    .chain(site.hooks.iter().map(|hook| hook.to))
            })
            .collect()
    }
}

fn topology(dice: &Dice, count: usize) -> (&'static str, Vec<(usize, usize)>) {
    let chain = |count: usize| (1..count).map(|site| (site - 1, site)).collect::<Vec<_>>();
    if count == 2 {
        return ("pair", vec![(0, 1)]);
    }
    match dice.below(6) {
        0 => ("chain", chain(count)),
        1 => {
            let mut ring = chain(count);
            ring.push((0, count - 1));
            ("ring", ring)
        }
        2 => ("star", (1..count).map(|site| (0, site)).collect()),
        3 => (
            "tree",
            (1..count).map(|site| ((site - 1) / 3, site)).collect(),
        ),
        4 if count <= 8 => (
            "mesh",
            (0..count)
                .flat_map(|a| (a + 1..count).map(move |b| (a, b)))
                .collect(),
        ),
        _ => {
            let mut pairs: BTreeSet<(usize, usize)> =
                (1..count).map(|site| (dice.below(site), site)).collect();
            for _ in 0..count / 2 {
                let (a, b) = (dice.below(count), dice.below(count));
                if a != b {
                    pairs.insert((a.min(b), a.max(b)));
                }
            }
            ("random", pairs.into_iter().collect())
        }
    }
}

fn edge(dice: &Dice, a: usize, b: usize, with_filters: bool, with_rules: bool) -> Edge {
    let flow = || {
        if !with_filters || dice.chance(600) {
            return Some(None);
        }
        if dice.chance(150) {
            return None;
        }
        let mut names: BTreeSet<String> = TEXTS
            .into_iter()
            .filter(|_| dice.chance(700))
            .map(str::to_owned)
            .collect();
        names.insert(EMAIL.to_owned());
        Some(Some(names))
    };
    let mut flows = [flow(), flow()];
    if flows == [None, None] {
        flows[0] = Some(None);
    }
    let rules = if with_rules && dice.chance(500) {
        // hello refuses both "ours" and both "theirs".
        match dice.below(5) {
            0 => [Rule::Ours, Rule::Latest],
            1 => [Rule::Latest, Rule::Theirs],
            2 => [Rule::Ours, Rule::Theirs],
            3 => [Rule::Ask, Rule::Latest],
            _ => [Rule::Ask, Rule::Ask],
        }
    } else {
        [Rule::Latest; 2]
    };
    Edge {
        ends: [a, b],
        flows,
        gates: [None; 2],
        rules,
    }
}
