//! Where to search and for what, for people and groups alike.

use super::{item::Item, section::Section};

/// `base`: one distinguished name or several.
pub(super) fn bases(section: &Section<'_>, example: &str) -> Vec<String> {
    let mend = format!("write base = \"{example}\", or a list of such names");
    let items = section.required("base", &mend).and_then(|item| item.one_or_many(&mend));
    names(items, &mend)
}

/// Distinguished names, each written once.
pub(super) fn names(items: Option<Vec<Item<'_>>>, mend: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for item in items.unwrap_or_default() {
        let Some(text) = item.text() else { continue };
        if !text.contains('=') {
            item.wrong(format!("{text:?} is not a distinguished name"), mend);
        } else if names.iter().any(|name| name.eq_ignore_ascii_case(text)) {
            item.wrong(format!("{text} is listed twice"), "take one out");
        } else {
            names.push(text.to_owned());
        }
    }
    names
}

/// Where a filter comes from that is not written.
pub(super) enum DefaultFilter {
    /// The preset brings it.
    Preset(&'static str),
    /// There is a preset that nobody knows, and that has been said.
    Unknown,
    /// There is none.
    Missing,
}

/// `filter`, as written or as the preset has it.
pub(super) fn filter(section: &Section<'_>, default: DefaultFilter, class: &str) -> Option<String> {
    let Some(item) = section.item("filter") else {
        return match default {
            DefaultFilter::Preset(filter) => Some(filter.to_owned()),
            DefaultFilter::Unknown => None,
            DefaultFilter::Missing => {
                section.missing(
                    "filter",
                    "is missing; only a preset brings a filter of its own",
                    format!("write filter = \"(objectClass={class})\" or the like, or name a preset"),
                );
                None
            }
        };
    };
    let text = item.text()?;
    if let Err((char, problem)) = (section.report.checks.filter)(text) {
        item.wrong_at(
            char,
            format!("is not a search filter, at character {}: {problem}", char + 1),
            format!(
                "correct it by RFC 4515: (&(objectClass={class})(!(employeeType=robot))); \\28 \\29 \\2a \\5c for ( ) * \\ in values"
            ),
        );
        return None;
    }
    Some(text.to_owned())
}
