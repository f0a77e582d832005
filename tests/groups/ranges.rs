//! Groups that come in pieces, and primary groups, as Active Directory has them.

use crate::support::{
    circle::Far,
    config::Config,
    ranged::{GROUPS, PEOPLE, Ranged},
};

const NUMBER: usize = 3_200;

fn join(directory: &Ranged) -> Far {
    let mut far = Far::start("generic", &[]);
    far.config = Config::new(&directory.url(), far.recorder.url())
        .set_text("users", "preset", "active-directory")
        .set_text("users", "base", PEOPLE)
        .set_text("groups", "base", GROUPS)
        .set("groups.limits", "max_member_removals_percent", "100")
        .set("scim", "rate_per_s", "10000");
    far
}

#[test]
fn a_group_is_read_piece_by_piece_and_primary_members_are_in_it() {
    // The last one is in it as her primary group alone, which no list of members shows.
    let directory = Ranged::start(NUMBER, NUMBER - 1);
    let far = join(&directory);
    drop(far.sync(0));
    assert_eq!(far.members("all").len(), NUMBER);
    assert_eq!(directory.pieces(), 2, "after the one that came by itself");
    assert_eq!(far.sync(0), [""; 0]);
    directory.set_members(NUMBER - 2);
    let gone = format!("PATCH all -p{}@corp.example", NUMBER - 1);
    assert_eq!(far.sync(0), [gone]);
}

#[test]
fn a_piece_that_does_not_come_takes_nobody_out() {
    let directory = Ranged::start(NUMBER, NUMBER);
    let far = join(&directory);
    drop(far.sync(0));
    directory.withhold(true);
    assert_eq!(far.sync(3), [""; 0]);
    assert_eq!(far.members("all").len(), NUMBER);
    directory.withhold(false);
    assert_eq!(far.sync(0), [""; 0]);
}
