//! Templates over the attributes of an entry.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value, filters};
use regex::Regex;

use super::{
    error::Mistake,
    names::{Names, Slot, View},
};

/// Instructions one rendering may take. Real templates take tens; this stops a runaway loop within a
/// millisecond or so.
const FUEL: u64 = 20_000;
/// Where the lists that `values()` gives out are kept; no template can spell this name.
const LISTS: &str = "@values";

/// One template in [`Templates`].
#[derive(Clone, Debug)]
pub(super) struct Template {
    name: String,
    /// Attributes by the names the template gives them.
    variables: Vec<(Arc<str>, Slot)>,
    /// Attributes read with `value()` and `values()`, in lower case.
    lists: Vec<(Arc<str>, Slot)>,
}

/// Why a template gave nothing.
pub(super) enum RenderError {
    /// A value that is not text.
    Binary(Slot, Vec<u8>),
    /// The template itself failed on this entry.
    Failed(String),
}

/// All compiled templates.
#[derive(Clone, Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        // An absent attribute has no first letter, and that is no mistake.
        environment.add_filter("first", |value: Value| if_present(&value, filters::first));
        environment.add_filter("last", |value: Value| {
            if_present(&value, |value| filters::last(value.clone()))
        });
        environment.add_filter("reverse", |value: Value| if_present(&value, filters::reverse));
        environment.add_filter("length", |value: Value| {
            if_present(&value, |value| filters::length(value).map(Value::from))
        });
        environment.add_function("values", values);
        environment.add_function("value", value);
        Self { environment }
    }
}

impl Templates {
    /// Compiles `source` and finds the attributes it reads.
    pub fn compile(&mut self, source: &str, names: &mut Names) -> Result<Template, Mistake> {
        let name = self.environment.templates().count().to_string();
        self.environment
            .add_template_owned(name.clone(), source.to_owned())
            .map_err(|error| mistake(&error))?;
        let mut variables = Vec::new();
        for variable in self.undeclared(&name)? {
            let slot = names.slot(&variable)?;
            variables.push((variable.into(), slot));
        }
        let mut lists = Vec::new();
        for list in called_with(source)? {
            lists.push((list.to_ascii_lowercase().into(), names.slot(&list)?));
        }
        let template = Template { name, variables, lists };
        if template.variables.is_empty() && template.lists.is_empty() {
            return Err(Mistake::new(
                "the template reads no attribute",
                "name attributes as in \"{{ givenName }} {{ sn }}\", or use { constant = \"…\" }",
            ));
        }
        self.try_out(&template)?;
        Ok(template)
    }

    /// The variables that are neither set in the template nor functions, in order of name.
    fn undeclared(&self, name: &str) -> Result<Vec<String>, Mistake> {
        let template = self.environment.get_template(name).map_err(|error| mistake(&error))?;
        let functions: Vec<&str> = self.environment.globals().map(|(name, _)| name).collect();
        let mut variables: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !functions.contains(&name.as_str()))
            .collect();
        variables.sort_unstable();
        Ok(variables)
    }

    /// Unknown filters and functions show only when a template runs.
    fn try_out(&self, template: &Template) -> Result<(), Mistake> {
        for text in [None, Some("1")] {
            let context = template.context(|_, _| Ok(text.map(str::to_owned).into_iter().collect()));
            match context.and_then(|context| self.run(template, context)) {
                Err(RenderError::Failed(message)) if message.starts_with("unknown ") => {
                    return Err(Mistake::new(message, HINT));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The text `template` makes of an entry, without space around it.
    pub fn render(&self, template: &Template, view: &View<'_>) -> Result<String, RenderError> {
        let context = template.context(|slot, most| {
            view.values(slot)
                .take(most)
                .map(|value| match std::str::from_utf8(value) {
                    Ok(text) => Ok(text.to_owned()),
                    Err(_) => Err(RenderError::Binary(slot, value.to_vec())),
                })
                .collect()
        })?;
        self.run(template, context)
    }

    fn run(&self, template: &Template, context: Value) -> Result<String, RenderError> {
        self.environment
            .get_template(&template.name)
            .and_then(|compiled| compiled.render(context))
            .map(|text| text.trim().to_owned())
            .map_err(|error| RenderError::Failed(words(&error)))
    }
}

impl Template {
    /// The names of the attributes, for people.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.variables.iter().chain(&self.lists).map(|(_, slot)| *slot)
    }

    fn context(&self, read: impl Fn(Slot, usize) -> Result<Vec<String>, RenderError>) -> Result<Value, RenderError> {
        let mut context: BTreeMap<Arc<str>, Value> = BTreeMap::new();
        for (name, slot) in &self.variables {
            if let Some(first) = read(*slot, 1)?.into_iter().next() {
                context.insert(Arc::clone(name), Value::from(first));
            }
        }
        if !self.lists.is_empty() {
            let mut lists: BTreeMap<Arc<str>, Value> = BTreeMap::new();
            for (name, slot) in &self.lists {
                lists.insert(Arc::clone(name), Value::from(read(*slot, usize::MAX)?));
            }
            context.insert(LISTS.into(), Value::from_object(lists));
        }
        Ok(Value::from_object(context))
    }
}

const HINT: &str = "templates are Jinja: attributes by name, values(\"mail\") for a list of all values, filters such as lower, \
                    first, join, replace, default";

fn if_present(value: &Value, filter: impl Fn(&Value) -> Result<Value, Error>) -> Result<Value, Error> {
    if value.is_undefined() {
        Ok(Value::UNDEFINED)
    } else {
        filter(value)
    }
}

/// `values("mail")`: every value.
fn values(state: &State<'_, '_>, name: Cow<'_, str>) -> Result<Value, Error> {
    let lists = state.lookup(LISTS).unwrap_or_default();
    lists.get_item(&Value::from(name.to_ascii_lowercase()))
}

/// `value("cn;lang-de")`: the first value of an attribute that is no identifier.
fn value(state: &State<'_, '_>, name: Cow<'_, str>) -> Result<Value, Error> {
    values(state, name)?.get_item_by_index(0)
}

/// The attributes named in calls of `value()` and `values()`. They have to be known beforehand,
/// since only what the mapping reads is asked for.
fn called_with(source: &str) -> Result<Vec<String>, Mistake> {
    let broken = |error: regex::Error| Mistake::new(error.to_string(), HINT);
    let call = Regex::new(r#"\bvalues?\s*\("#).map_err(broken)?;
    let literal = Regex::new(r#"\bvalues?\s*\(\s*(?:"([^"]*)"|'([^']*)')\s*\)"#).map_err(broken)?;
    let names: Vec<String> = literal
        .captures_iter(source)
        .filter_map(|found| found.get(1).or_else(|| found.get(2)))
        .map(|name| name.as_str().to_owned())
        .collect();
    if names.len() == call.find_iter(source).count() {
        return Ok(names);
    }
    Err(Mistake::new(
        "value() and values() take one attribute name in quotes",
        "write values(\"mail\")",
    ))
}

fn mistake(error: &Error) -> Mistake {
    Mistake::new(format!("the template cannot be read: {}", words(error)), HINT)
}

fn words(error: &Error) -> String {
    let kind = match error.kind() {
        ErrorKind::OutOfFuel => "the template runs too long".to_owned(),
        kind => kind.to_string(),
    };
    match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attribute, DirectoryEntry};

    fn entry() -> DirectoryEntry {
        let attribute = |name: &str, values: &[&[u8]]| Attribute {
            name: name.into(),
            values: values.iter().map(|value| value.to_vec()).collect(),
        };
        DirectoryEntry {
            dn: "cn=Jane,ou=R".into(),
            attributes: vec![
                attribute("givenname", &[b"Jane"]),
                attribute("sn", &[b"Doe", b"Roe"]),
                attribute("cn;lang-de", &[b"Johanna"]),
                attribute("jpegphoto", &[b"\xFF\xD8"]),
            ],
        }
    }

    fn render(source: &str) -> Result<String, String> {
        let (mut templates, mut names) = (Templates::default(), Names::default());
        let template = templates
            .compile(source, &mut names)
            .map_err(|mistake| mistake.message)?;
        let (entry, dn) = (entry(), vec![b"cn=Jane,ou=R".to_vec()]);
        templates
            .render(&template, &names.view(&entry, &dn))
            .map_err(|error| match error {
                RenderError::Binary(slot, _) => format!("binary {}", names.name(slot)),
                RenderError::Failed(message) => message,
            })
    }

    #[test]
    fn texts() {
        let check = |source: &str, expected: &str| assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
        check("{{ givenName }} {{ sn }}", "Jane Doe");
        check("{{ GIVENNAME }} {{ initials }}", "Jane");
        check("{{ initials }} {{ sn }}", "Doe");
        check(
            "{{ initials|lower }}{{ initials|first }}{{ initials[0] }}{{ initials.x.y }}",
            "",
        );
        check(
            "{{ givenName|first|lower }}.{{ sn|lower }}@example.com",
            "j.doe@example.com",
        );
        check("{% if initials %}{{ initials }}{% else %}none{% endif %}", "none");
        check(
            "{{ values('sn')|join('-') }} {{ values(\"mail\")|length }}",
            "Doe-Roe 0",
        );
        check("{{ value(\"CN;lang-de\") }}{{ value('cn;lang-fr') }}", "Johanna");
        check("{% set x = sn %}{{ x|upper }}", "DOE");
        check(
            "{% for v in values('sn') %}{{ loop.index }}{{ v }}{% endfor %}",
            "1Doe2Roe",
        );
        check("{{ dn }}", "cn=Jane,ou=R");
        check("{{ sn }}<&>", "Doe<&>");
    }

    #[test]
    fn only_attributes_are_asked_for() {
        let source =
            "{% for v in values('sn') %}{{ loop.index }}{{ range(3)|join }}{{ v }}{% endfor %}{{ cn }}{{ true }}";
        let mut names = Names::default();
        Templates::default().compile(source, &mut names).expect(source);
        assert_eq!(names.requested(), ["cn", "sn"]);
    }

    #[test]
    fn mistakes() {
        let check = |source: &str, expected: &str| {
            let message = render(source).expect_err(source);
            assert!(message.contains(expected), "{source}: {message}");
        };
        check("{{ sn", "the template cannot be read: syntax error");
        check("{{ sn|lowr }}", "unknown filter: ");
        check("{{ sn(1) }}", "unknown function");
        check("text", "reads no attribute");
        check("{{ values(sn) }}", "one attribute name in quotes");
        check("{{ jpegPhoto }}", "binary jpegphoto");
        check(
            "{% for i in range(9999) %}{{ sn }}{% for j in range(9999) %}{{ sn }}{% endfor %}{% endfor %}",
            "runs too long",
        );
    }
}
