//! Who joins, leaves, moves, marries and is disabled, by chance.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::{
    company::{Company, Person, person},
    world::{Mortal, World},
};

/// Changes the company by chance.
pub(super) struct People {
    rng: Rng,
    /// How many there have been.
    pub born: usize,
    renames: bool,
    needs_mail: bool,
    /// Who left and may come back.
    away: Vec<(String, Person)>,
}

impl People {
    pub(super) fn new<S: Mortal>(rng: &mut Rng, world: &World<S>) -> Self {
        Self {
            rng: rng.fork(),
            born: 0,
            renames: world.profile().user_name_mutable,
            needs_mail: world.profile().mandatory.iter().any(|path| path == "emails"),
            away: Vec::new(),
        }
    }

    pub(super) fn join(&mut self, company: &mut Company, count: usize) {
        for _ in 0..count {
            self.born += 1;
            let name = format!("p{:02}", self.born);
            let mut new = person(&name);
            new.manager = self.somebody(company);
            company.insert(name, new);
        }
    }

    fn somebody(&mut self, company: &Company) -> Option<String> {
        let at = self.rng.usize(..company.len().max(1));
        company.keys().nth(at).cloned()
    }

    pub(super) fn change(&mut self, company: &mut Company) {
        for _ in 0..self.rng.usize(1..8) {
            self.change_one(company);
        }
    }

    fn change_one(&mut self, company: &mut Company) {
        let Some(name) = self.somebody(company) else {
            return self.join(company, 1);
        };
        let other = self.somebody(company);
        let coin = self.rng.bool();
        let number = self.rng.u8(..4);
        let what = self.rng.u8(..12);
        if what == 0 {
            return self.join(company, 1);
        }
        if what == 1 && !self.away.is_empty() {
            let (name, back) = self.away.swap_remove(self.rng.usize(..self.away.len()));
            // Somebody may have the name by now.
            if company.values().all(|person| person.uid != back.uid) {
                company.insert(name, back);
            }
            return;
        }
        if what == 2 && company.len() > 4 {
            let gone = company.remove(&name).unwrap();
            self.away.push((name, gone));
            return;
        }
        let uids: BTreeSet<String> = company.values().map(|person| person.uid.clone()).collect();
        let other_uid = other.as_ref().map(|other| company[other].uid.clone());
        let person = company.get_mut(&name).unwrap();
        match what {
            3 if self.renames => {
                let uid = format!("{name}x{number}");
                if !uids.contains(&uid) {
                    person.uid = uid;
                }
            }
            4 if self.renames && other.as_ref() != Some(&name) => {
                let uid = std::mem::replace(&mut person.uid, other_uid.unwrap());
                company.get_mut(&other.unwrap()).unwrap().uid = uid;
            }
            5 => person.unit = format!("unit{number}"),
            6 => person.off = coin,
            7 => person.manager = other.filter(|_| coin),
            8 => person.title = coin.then(|| format!("Title {number}")),
            9 => person.phone = coin.then(|| format!("+33 1 {number}")),
            10 if !self.needs_mail => person.mail = coin.then(|| format!("{name}.{number}@example.org")),
            _ => person.sn = format!("{name}son{number}"),
        }
    }
}
