//! Attributes that come in pieces. Active Directory sends at most 1500 values of an attribute and
//! calls it `member;range=0-1499`; the rest has to be asked for, up to a piece called `3000-*`
//! (MS-ADTS 3.1.1.3.1.3.3). The pieces end up under the plain name, in the server's order.

use super::{
    failure::{Failure, Stop},
    session::Session,
};
use crate::model::DirectoryEntry;

/// One piece of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The attribute without its range option.
    pub(super) name: String,
    /// The place of this piece's first value.
    pub(super) low: usize,
    /// Where the next piece starts; nothing when this is the last one.
    pub(super) next: Option<usize>,
}

const OPTION: &str = ";range=";

/// Takes the range option off a lower-case attribute name, which came with `count` values. `None`
/// when there is such an option and it makes no sense; `Some(None)` when there is none.
pub(super) fn strip(name: &mut String, count: usize) -> Option<Option<Range>> {
    let Some(start) = name.find(OPTION) else {
        return Some(None);
    };
    let tail = name.split_off(start);
    let text = tail.get(OPTION.len()..)?;
    let (text, other_options) = text.find(';').map_or((text, ""), |end| text.split_at(end));
    let (low, high) = text.split_once('-')?;
    let low: usize = low.parse().ok()?;
    let next = match high {
        "*" => None,
        high => {
            let next = high.parse::<usize>().ok()?.checked_add(1)?;
            // Fewer values than the name says would leave a hole that nobody sees.
            (next.checked_sub(low)? == count && count > 0).then_some(Some(next))?
        }
    };
    name.push_str(other_options);
    Some(Some(Range {
        name: name.clone(),
        low,
        next,
    }))
}

/// Asks for what is missing of `entry` until each attribute is whole.
pub(super) async fn complete(
    session: &mut Session,
    entry: &mut DirectoryEntry,
    ranges: Vec<Range>,
) -> Result<(), Stop> {
    for range in ranges {
        let mut at = range.next;
        while let Some(low) = at {
            at = piece(session, entry, &range.name, low).await?;
        }
    }
    Ok(())
}

/// Fetches the piece of `name` that starts at `low` and says where the next one starts.
async fn piece(
    session: &mut Session,
    entry: &mut DirectoryEntry,
    name: &str,
    low: usize,
) -> Result<Option<usize>, Stop> {
    let wanted = [format!("{name}{OPTION}{low}-*")];
    let what = format!("reading values {low} and up of {name} of {}", entry.dn);
    let answer = session.look_up(&entry.dn, "(objectClass=*)", &wanted, &what).await?;
    let found = answer.and_then(|mut got| {
        let range = got
            .ranges
            .into_iter()
            .find(|range| range.name == name && range.low == low)?;
        let at = got
            .entry
            .attributes
            .iter()
            .position(|attribute| attribute.name == name)?;
        Some((range, got.entry.attributes.swap_remove(at).values))
    });
    let Some((range, values)) = found else {
        return Err(Failure::refused(format!(
            "{what}: the server did not send them (the entry changed meanwhile?)"
        ))
        .into());
    };
    if let Some(attribute) = entry.attributes.iter_mut().find(|attribute| attribute.name == name) {
        attribute.values.extend(values);
    }
    Ok(range.next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, count: usize, expected: Option<Option<(&str, usize, Option<usize>)>>) {
        let mut stripped = name.to_owned();
        let got = strip(&mut stripped, count);
        let expected_range = expected.map(|range| {
            range.map(|(name, low, next)| Range {
                name: name.into(),
                low,
                next,
            })
        });
        assert_eq!(got, expected_range, "{name}");
        if let Some(Some((plain, ..))) = expected {
            assert_eq!(stripped, plain);
        }
    }

    #[test]
    fn options() {
        check("cn", 1, Some(None));
        check("cn;lang-de", 1, Some(None));
        check("member;range=0-1499", 1500, Some(Some(("member", 0, Some(1500)))));
        check("member;range=1500-*", 7, Some(Some(("member", 1500, None))));
        check("member;range=0-*", 0, Some(Some(("member", 0, None))));
        check("cert;range=0-1;binary", 2, Some(Some(("cert;binary", 0, Some(2)))));
        check("member;range=0-1499", 3, None);
        check("member;range=5-4", 0, None);
        check("member;range=", 1, None);
        check("member;range=a-b", 1, None);
        check("member;range=0-18446744073709551615", 1, None);
    }
}
