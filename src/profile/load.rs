//! From the file as written to a profile that can be applied.

use serde::{Deserialize, Deserializer, de::Error};

use super::{
    Profile,
    compiled::{Compiled, Parts},
    schema,
};

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The derived function of the same name (`remote = "Self"`).
        let mut profile = Profile::deserialize(deserializer)?;
        profile.spell_out();
        let mut mistakes = profile.mistakes();
        let (compiled, bad_rules) = Compiled::new(&Parts {
            mandatory: &profile.mandatory,
            allowed: &profile.allowed,
            allowed_sub_attributes: &profile.allowed_sub_attributes,
            single_valued: &profile.single_valued,
            primary_required: &profile.primary_required,
            text: &profile.text,
            group_text: &profile.groups.text,
        });
        mistakes.extend(bad_rules);
        if !mistakes.is_empty() {
            return Err(D::Error::custom(mistakes.join("; ")));
        }
        profile.compiled = compiled;
        Ok(profile)
    }
}

impl Profile {
    /// Brings every path to its canonical spelling.
    fn spell_out(&mut self) {
        let together = self.filterable_together.iter_mut().flatten();
        for path in [
            &mut self.mandatory,
            &mut self.allowed,
            &mut self.filterable,
            &mut self.unique,
            &mut self.wire.not_returned,
        ]
        .into_iter()
        .flatten()
        .chain(together)
        {
            *path = schema::canonical(path);
        }
        self.text = std::mem::take(&mut self.text)
            .into_iter()
            .map(|(path, rule)| (schema::canonical(&path), rule))
            .collect();
    }

    /// What is wrong in itself, apart from the text rules.
    fn mistakes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (key, list) in [("mandatory", &self.mandatory), ("allowed", &self.allowed)] {
            let unknown = list.iter().filter(|path| !schema::knows(path));
            found.extend(unknown.map(|path| format!("{key}: a User has no {path:?} (RFC 7643 section 4.1)")));
        }
        // Read-only attributes can be asked for and may be left out, too.
        let read_only = |path: &String| ["id", "groups", "groups.value"].contains(&path.as_str());
        for (key, list) in [
            ("filterable", &self.filterable),
            ("unique", &self.unique),
            ("wire.not_returned", &self.wire.not_returned),
        ] {
            let unknown = list.iter().filter(|path| !read_only(path) && !schema::knows(path));
            found.extend(unknown.map(|path| format!("{key}: a User has no {path:?} (RFC 7643 section 4.1)")));
        }
        let pairs = self.filterable_together.iter().flatten();
        let unknown = pairs.filter(|path| !read_only(path) && !schema::knows(path));
        found.extend(unknown.map(|path| format!("filterable_together: a User has no {path:?} (RFC 7643 section 4.1)")));
        for path in self.text.keys().filter(|path| *path != "*" && !schema::knows(path)) {
            found.push(format!("text: a User has no {path:?} (RFC 7643 section 4.1)"));
        }
        let subs = self.allowed_sub_attributes.keys();
        for (key, path) in (self.single_valued.iter().map(|path| ("single_valued", path)))
            .chain(self.primary_required.iter().map(|path| ("primary_required", path)))
            .chain(subs.map(|path| ("allowed_sub_attributes", path)))
            .filter(|(_, path)| schema::parts(path).is_none())
        {
            found.push(format!("{key}: {path:?} is not a multi-valued attribute of User"));
        }
        found.extend(self.unusable_numbers());
        found.extend(self.contradictions());
        found
    }

    /// Rules that no person could meet.
    fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        for path in &self.mandatory {
            let attribute = path.split_once('.').map_or(path.as_str(), |(attribute, _)| attribute);
            let parts = schema::parts(attribute);
            let allowed = if parts.is_some() { attribute } else { path };
            if path.ends_with(":manager") {
                found.push("mandatory: nobody at the top has a manager, so enterprise.manager cannot be here".into());
            } else if !self.allowed.is_empty() && !self.allowed.iter().any(|path| path == allowed) {
                found.push(format!("mandatory: {path:?} is not in `allowed`"));
            }
        }
        for (attribute, subs) in &self.allowed_sub_attributes {
            let known = schema::parts(attribute).unwrap_or_default();
            let unknown = subs.iter().filter(|sub| !known.contains(&sub.as_str()));
            found.extend(unknown.map(|sub| format!("allowed_sub_attributes: {attribute} has no {sub:?}")));
        }
        found
    }

    fn unusable_numbers(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !(self.default_rate_per_s.is_finite() && self.default_rate_per_s > 0.0) {
            found.push("default_rate_per_s: has to be above 0".into());
        }
        if self.default_concurrency == 0 {
            found.push("default_concurrency: has to be at least 1".into());
        }
        if self.groups.member_chunk == Some(0) {
            found.push("groups.member_chunk: has to be at least 1; leave it out for no limit".into());
        }
        if self.page_cap == 0 {
            found.push("page_cap: has to be at least 1".into());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{AttributePath, ENTERPRISE_USER},
        profile::{MemberRemoval, Paging, UpdateVerb},
    };

    const SMALLEST: &str = r#"
        name = "x"
        title = "X"
        mandatory = ["userName"]
        allowed = []
        user_name_mutable = true
        user_name_case_insensitive = true
        update = "put"
        content_type = "application/scim+json"
        filterable = ["userName"]
        paging = "index"
        page_cap = 10
        silent_takeover = false
        default_rate_per_s = 1.0
        default_concurrency = 1
    "#;

    #[test]
    fn every_built_in_profile_is_read() {
        for name in Profile::NAMES {
            let profile = Profile::named(name).unwrap_or_else(|| panic!("{name} cannot be read"));
            assert_eq!(profile.name, name);
            assert!(!profile.title.is_empty());
            assert!(
                profile.text.contains_key("*"),
                "{name} has no rule against empty strings"
            );
            assert!(profile.filterable.iter().any(|path| path == "userName"), "{name}");
        }
        assert_eq!(Profile::named("none"), None);
    }

    #[test]
    fn built_in_files_have_no_mistake() {
        for text in [
            include_str!("huawei.toml"),
            include_str!("alibaba.toml"),
            include_str!("aws.toml"),
            include_str!("generic.toml"),
        ] {
            // Reading checks every path against the schema.
            Profile::from_toml(text).unwrap();
        }
    }

    #[test]
    fn facts_that_other_modules_build_on() {
        let facts = |name: &str| {
            let p = Profile::named(name).unwrap();
            (
                p.update,
                p.paging,
                p.user_name_mutable,
                p.silent_takeover,
                p.allows_manager(),
            )
        };
        assert_eq!(
            facts("huawei"),
            (UpdateVerb::PutAndPatchActive, Paging::None, true, false, true)
        );
        assert_eq!(facts("aws"), (UpdateVerb::Patch, Paging::Cursor, true, false, true));
        assert_eq!(facts("alibaba"), (UpdateVerb::Put, Paging::Index, false, true, false));
        assert_eq!(facts("generic"), (UpdateVerb::Patch, Paging::Index, true, false, true));
        let huawei = Profile::named("huawei").unwrap();
        assert!(!huawei.filterable.iter().any(|path| path == "externalId"));
        assert!(huawei.allows(&AttributePath::enterprise("department")));
        assert!(!huawei.allows(&AttributePath::new("password")));
        assert_eq!(huawei.wire.not_returned, ["profileUrl", "groups"]);
    }

    #[test]
    fn facts_about_groups() {
        let facts = |name: &str| {
            let p = Profile::named(name).unwrap();
            (
                p.groups.member_chunk,
                p.groups.whole_membership,
                p.groups.put,
                p.groups.member_removal,
            )
        };
        assert_eq!(facts("huawei"), (Some(100), false, false, MemberRemoval::Filter));
        assert_eq!(facts("aws"), (Some(100), false, false, MemberRemoval::List));
        assert_eq!(facts("alibaba"), (None, true, true, MemberRemoval::Filter));
        assert_eq!(facts("generic"), (None, true, true, MemberRemoval::Filter));
    }

    #[test]
    fn the_short_spelling_becomes_the_urn() {
        let text = SMALLEST.replace("allowed = []", "allowed = [\"userName\", \"enterprise.division\"]");
        let profile = Profile::from_toml(&text).unwrap();
        assert_eq!(profile.allowed[1], format!("{ENTERPRISE_USER}:division"));
    }

    #[test]
    fn a_wrong_file_says_what_is_wrong() {
        Profile::from_toml(SMALLEST).unwrap();
        for (from, to, expected) in [
            (
                "mandatory = [\"userName\"]",
                "mandatory = [\"username\"]",
                "mandatory: a User has no \"username\"",
            ),
            (
                "mandatory = [\"userName\"]",
                "mandatory = [\"enterprise.manager\"]",
                "nobody at the top has a manager",
            ),
            (
                "allowed = []",
                "allowed = [\"title\"]",
                "mandatory: \"userName\" is not in `allowed`",
            ),
            ("allowed = []", "allowed = [\"enterprise.boss\"]", ":boss\""),
            (
                "filterable = [\"userName\"]",
                "filterable = [\"uid\"]",
                "filterable: a User has no \"uid\"",
            ),
            ("page_cap = 10", "page_cap = 0", "page_cap: has to be at least 1"),
            (
                "page_cap = 10",
                "page_cap = 10\nwire.not_returned = [\"shoe\"]",
                "wire.not_returned: a User has no \"shoe\"",
            ),
            ("page_cap = 10", "page_cap = 10\npage_cop = 1", "page_cop"),
            (
                "default_rate_per_s = 1.0",
                "default_rate_per_s = nan",
                "default_rate_per_s: has to be above 0",
            ),
            (
                "default_concurrency = 1",
                "default_concurrency = 0",
                "default_concurrency: has to be at least 1",
            ),
            ("update = \"put\"", "update = \"post\"", "post"),
            (
                "page_cap = 10",
                "page_cap = 10\nsingle_valued = [\"title\"]",
                "single_valued: \"title\" is not a multi-valued",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\nprimary_required = [\"x\"]",
                "primary_required: \"x\" is not a multi-valued",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\nallowed_sub_attributes.emails = [\"street\"]",
                "allowed_sub_attributes: emails has no \"street\"",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\ntext.title.max_chars = 0",
                "text.\"title\": max_chars = 0 leaves nothing",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\ngroups.member_chunk = 0",
                "groups.member_chunk: has to be at least 1",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\ngroups.text.displayName.max_chars = 0",
                "groups.text.\"displayName\": max_chars = 0 leaves nothing",
            ),
            ("page_cap = 10", "page_cap = 10\nwire.colour = \"red\"", "colour"),
            (
                "page_cap = 10",
                "page_cap = 10\nunique = [\"shoe\"]",
                "unique: a User has no \"shoe\"",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\nfilterable_together = [[\"id\", \"boss\"]]",
                "filterable_together: a User has no \"boss\"",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\ntext.shoe.max_chars = 1",
                "text: a User has no \"shoe\"",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\ntext.title.characters = \"[a\"",
                "text.\"title\": characters",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\ntext.title.characters = \"a+\"",
                "not one character class",
            ),
            (
                "page_cap = 10",
                "page_cap = 10\ntext.title.characters = \"[z-a]\"",
                "text.\"title\": characters",
            ),
        ] {
            let error = Profile::from_toml(&SMALLEST.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let text = SMALLEST
            .replace("page_cap = 10", "page_cap = 0")
            .replace("[\"userName\"]", "[\"a\", \"b\"]");
        let error = Profile::from_toml(&text).unwrap_err();
        assert_eq!(error.matches("a User has no").count(), 4, "{error}");
        assert!(error.contains("page_cap"), "{error}");
    }
}
