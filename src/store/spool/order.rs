//! The order in which a sealed plan is carried out. The file has its name exactly while the plan is
//! unfinished.

use std::{io, path::Path};

use super::durable::{self, Content};
use crate::{model::Phase, ports::Step};

const NAME: &str = "order";
const FORMAT: &[u8] = b"scimward-order-1";
const STEP_BYTES: usize = 9;

/// A plan's id and steps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) plan_id: String,
    pub(super) steps: Vec<Step>,
}

/// What [`read`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    No,
    Plan(Order),
    /// There is an unfinished plan, but its order is lost.
    Damaged,
}

pub(super) fn write(folder: &Path, plan_id: &str, steps: &[Step]) -> io::Result<()> {
    let mut content = Vec::with_capacity(64 + plan_id.len() + steps.len() * STEP_BYTES);
    content.extend_from_slice(FORMAT);
    content.extend_from_slice(&(plan_id.len() as u64).to_le_bytes());
    content.extend_from_slice(plan_id.as_bytes());
    for step in steps {
        content.push(phase_code(step.phase));
        content.extend_from_slice(&step.depth.to_le_bytes());
        content.extend_from_slice(&step.index.to_le_bytes());
    }
    durable::replace(folder, NAME, &content)
}

pub(super) fn read(folder: &Path) -> io::Result<Sealed> {
    Ok(match durable::read(&folder.join(NAME))? {
        Content::Absent => Sealed::No,
        Content::Damaged => Sealed::Damaged,
        Content::Whole(content) => parse(&content).map_or(Sealed::Damaged, Sealed::Plan),
    })
}

pub(super) fn remove(folder: &Path) -> io::Result<()> {
    durable::remove_for_good(folder, NAME)
}

fn parse(content: &[u8]) -> Option<Order> {
    let rest = content.strip_prefix(FORMAT)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (plan_id, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let steps = rest.chunks(STEP_BYTES).map(parse_step).collect::<Option<_>>()?;
    Some(Order {
        plan_id: String::from_utf8(plan_id.to_vec()).ok()?,
        steps,
    })
}

fn parse_step(bytes: &[u8]) -> Option<Step> {
    let (phase, rest) = bytes.split_first()?;
    let (depth, rest) = rest.split_first_chunk()?;
    Some(Step {
        phase: PHASES.get(usize::from(*phase)).copied()?,
        depth: u32::from_le_bytes(*depth),
        index: u32::from_le_bytes(rest.try_into().ok()?),
    })
}

/// By the code that stands in the file; new ones at the end.
const PHASES: [Phase; 8] = [
    Phase::Create,
    Phase::Reactivate,
    Phase::Unname,
    Phase::Update,
    Phase::Rename,
    Phase::Reference,
    Phase::Deactivate,
    Phase::Delete,
];

fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Create => 0,
        Phase::Reactivate => 1,
        Phase::Unname => 2,
        Phase::Update => 3,
        Phase::Rename => 4,
        Phase::Reference => 5,
        Phase::Deactivate => 6,
        Phase::Delete => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Sealed::No);
        let steps: Vec<Step> = (0_u32..)
            .zip(PHASES)
            .map(|(index, phase)| Step {
                phase,
                depth: 1000 + index,
                index: 70_000 - index,
            })
            .collect();
        for steps in [steps.as_slice(), &[]] {
            write(folder.path(), "plan-ü", steps).unwrap();
            assert_eq!(
                read(folder.path()).unwrap(),
                Sealed::Plan(Order {
                    plan_id: "plan-ü".into(),
                    steps: steps.to_vec()
                })
            );
        }
        remove(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Sealed::No);
        remove(folder.path()).unwrap();
    }

    #[test]
    fn content_of_another_format_is_damage() {
        for content in [
            &b""[..],
            b"scimward-order-2",
            b"scimward-order-1\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(parse(content), None);
        }
        let mut odd = FORMAT.to_vec();
        odd.extend_from_slice(&0_u64.to_le_bytes());
        odd.extend_from_slice(&[0; STEP_BYTES + 1]);
        assert_eq!(parse(&odd), None);
        assert_eq!(parse_step(&[8, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
