//! Who joins, leaves, moves, marries and is disabled, and what becomes of groups, by chance.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::{
    company::{Company, Person, person},
    teams::{Team, Teams, team},
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
    /// The same of groups.
    teams_away: Vec<(String, Team)>,
    founded: usize,
}

/// Groups at one time.
const TEAMS_MAX: usize = 5;

impl People {
    pub(super) fn new<S: Mortal>(rng: &mut Rng, world: &World<S>) -> Self {
        Self {
            rng: rng.fork(),
            born: 0,
            renames: world.profile().user_name_mutable,
            needs_mail: world.profile().mandatory.iter().any(|path| path == "emails"),
            away: Vec::new(),
            teams_away: Vec::new(),
            founded: 0,
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

    /// Nobody gets the name of a group that has left: that stays its own until it is deleted.
    pub(super) fn change_teams(&mut self, teams: &mut Teams, company: &Company) {
        for _ in 0..self.rng.usize(0..5) {
            self.change_one_team(teams, company);
        }
    }

    fn change_one_team(&mut self, teams: &mut Teams, company: &Company) {
        let names: Vec<String> = teams.keys().cloned().collect();
        let what = self.rng.u8(..12);
        if names.is_empty() || (what == 0 && names.len() < TEAMS_MAX) {
            self.founded += 1;
            let name = format!("t{:02}", self.founded);
            teams.insert(name.clone(), team(&name, &[]));
            return self.mix(teams, &name, company);
        }
        let name = &names[self.rng.usize(..names.len())];
        let other = &names[self.rng.usize(..names.len())];
        match what {
            1 if names.len() > 1 => self.teams_away.extend(teams.remove_entry(name)),
            2 if !self.teams_away.is_empty() => {
                let back = self.rng.usize(..self.teams_away.len());
                let (name, back) = self.teams_away.swap_remove(back);
                if teams.values().all(|team| team.cn != back.cn) {
                    teams.insert(name, back);
                }
            }
            3 => {
                // No two entries have one DN.
                let cn = format!("{name}n{}", self.rng.u8(..4));
                if teams.values().all(|team| team.cn != cn) {
                    teams.get_mut(name).unwrap().cn = cn;
                }
            }
            4 if name != other => {
                let cn = teams[other].cn.clone();
                let cn = std::mem::replace(&mut teams.get_mut(name).unwrap().cn, cn);
                teams.get_mut(other).unwrap().cn = cn;
            }
            5 => teams.get_mut(name).unwrap().teams.extend([other.clone()]),
            6 => teams.get_mut(name).unwrap().teams.clear(),
            _ => self.mix(teams, name, company),
        }
    }

    /// Each of a few people comes or goes.
    fn mix(&mut self, teams: &mut Teams, name: &str, company: &Company) {
        let people = &mut teams.get_mut(name).unwrap().people;
        for _ in 0..self.rng.usize(1..8) {
            let Some(somebody) = company.keys().nth(self.rng.usize(..company.len().max(1))) else {
                return;
            };
            if !people.remove(somebody) {
                people.insert(somebody.clone());
            }
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
