//! The language of `--fault`: `key=value` and words, separated by commas.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    Fault, RetryAfter, Rival, When,
    mistake::Found,
    rule::{Filter, PathFilter, Turns},
};

mod reader;

use reader::{Item, Reader};

/// Longest delay. No client waits longer, and a sandbox that seems to hang is not worth more.
const DELAY_MAX: Duration = Duration::from_secs(3600);
/// Longest `Retry-After` in seconds: a day.
const RETRY_AFTER_MAX: u64 = 86_400;
/// Methods of SCIM (RFC 7644 section 3.2).
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// The status of a web page when none is given: what a proxy says of a server that it cannot reach.
const HTML_STATUS: u16 = 502;

/// A rule as read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) text: String,
    pub(super) fault: Fault,
    pub(super) filter: Filter,
    pub(super) turns: Turns,
}

pub(super) fn read(text: &str) -> Result<Spec, Vec<Found>> {
    let mut reader = Reader::new(text);
    let faults = read_faults(&mut reader);
    let race = faults.iter().any(|(item, _)| item.key == "race");
    let filter = read_filter(&mut reader, race);
    let turns = read_turns(&mut reader);
    if let [(first, _), (second, _), ..] = faults.as_slice() {
        let problem = format!("{} beside {}: one rule, one fault", second.text(), first.text());
        reader.push(second.wrong(problem, "give the second fault a --fault of its own"));
    }
    let none = faults.is_empty();
    let mut fault = None;
    for (_, result) in faults {
        let read = reader.keep(result);
        fault = fault.or(read);
    }
    reader.finish(none)?;
    // Without a mistake there is a fault; the other way round there would be a mistake.
    let fault = fault.ok_or_else(Vec::new)?;
    Ok(Spec {
        text: text.to_owned(),
        fault,
        filter,
        turns,
    })
}

/// What goes wrong, in the order of the text; it should be one thing.
fn read_faults<'a>(reader: &mut Reader<'a>) -> Vec<(Item<'a>, Result<Fault, Found>)> {
    let rivals = [("stranger", Rival::Stranger), ("twin", Rival::Twin)];
    let mut faults = Vec::from_iter(read_answer(reader));
    if let Some(item) = reader.take("reset") {
        let when = item.choice(&[("before", When::Before), ("after", When::After)]);
        faults.push((item, when.map(Fault::Reset)));
    }
    if let Some(item) = reader.take("delay") {
        faults.push((item, delay(&item).map(Fault::Delay)));
    }
    if let Some(item) = reader.take("truncate") {
        faults.push((item, item.nothing().map(|()| Fault::Truncate)));
    }
    if let Some(item) = reader.take("race") {
        let rival = item.value.map_or(Ok(Rival::Stranger), |_| item.choice(&rivals));
        faults.push((item, rival.map(Fault::Race)));
    }
    faults.sort_by_key(|(item, _)| item.at.0);
    faults
}

/// `status`, `html`, `retry-after` and `after-effect`, which belong together.
fn read_answer<'a>(reader: &mut Reader<'a>) -> Option<(Item<'a>, Result<Fault, Found>)> {
    let status = reader.take("status");
    let html = reader.flag("html");
    let after = reader.flag("after-effect");
    let retry_after = reader.take("retry-after");
    let Some(first) = status.or(html) else {
        for stray in [after, retry_after].into_iter().flatten() {
            reader.push(stray.wrong(
                format!("{} goes with an answer", stray.text()),
                "add status=503 or html; a reset takes reset=after",
            ));
        }
        return None;
    };
    let retry_after = retry_after.and_then(|item| reader.keep(read_retry_after(&item)));
    let number = status.map_or(Ok(HTML_STATUS), |item| read_status(&item, html.is_some()));
    let fault = number.map(|status| Fault::Status {
        status,
        retry_after,
        html: html.is_some(),
        when: if after.is_some() { When::After } else { When::Before },
    });
    Some((first, fault))
}

fn read_status(item: &Item<'_>, html: bool) -> Result<u16, Found> {
    let mend = "write a status of the answer, e.g. status=500, status=429 or status=409";
    let status = item.number(100..=599, mend)?;
    // These have no body at all (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5).
    let bodiless = status < 200 || matches!(status, 204 | 205 | 304);
    if bodiless || (status < 400 && !html) {
        return Err(item.wrong(
            format!("{status} is not an error"),
            "write 400 to 599; a web page in place of the answer may have 200 as well: status=200,html",
        ));
    }
    Ok(u16::try_from(status).unwrap_or(HTML_STATUS))
}

/// `2`, or `date:2` for the other form.
fn read_retry_after(item: &Item<'_>) -> Result<RetryAfter, Found> {
    let mend = "write seconds, e.g. retry-after=2, or retry-after=date:2 for a date in 2 seconds";
    let text = item.value.unwrap_or_default();
    let (seconds, form): (&str, fn(u32) -> RetryAfter) = match text.strip_prefix("date:") {
        Some(seconds) => (seconds, RetryAfter::Date),
        None => (text, RetryAfter::Seconds),
    };
    let seconds = item.number_in(seconds, 0..=RETRY_AFTER_MAX, mend)?;
    Ok(form(u32::try_from(seconds).unwrap_or(u32::MAX)))
}

/// `35s`, `500ms`, `2m`.
fn delay(item: &Item<'_>) -> Result<Duration, Found> {
    let mend = "write a number with ms, s or m, up to an hour, e.g. delay=35s";
    let text = item.value.unwrap_or_default();
    let digits = text.trim_end_matches(|char: char| !char.is_ascii_digit());
    let unit: fn(u64) -> Duration = match &text[digits.len()..] {
        "ms" => Duration::from_millis,
        "s" => Duration::from_secs,
        "m" => |minutes| Duration::from_secs(minutes.saturating_mul(60)),
        _ => return Err(item.wrong(format!("{} is not a time", item.text()), mend)),
    };
    let wait = unit(item.number_in(digits, 0..=u64::from(u32::MAX), mend)?);
    if wait > DELAY_MAX {
        return Err(item.wrong(format!("{} is more than an hour", item.text()), mend));
    }
    Ok(wait)
}

/// Which requests. A race is for creates of users only.
fn read_filter(reader: &mut Reader<'_>, race: bool) -> Filter {
    let methods = reader.take("method");
    let path = reader.take("path");
    if race {
        for stray in [methods, path].into_iter().flatten() {
            let problem = format!("{} beside race, which is for POST /Users", stray.text());
            reader.push(stray.wrong(problem, "leave it out"));
        }
        let users = PathFilter {
            segments: vec!["Users".to_owned()],
            exact: true,
        };
        return Filter {
            methods: vec!["POST".to_owned()],
            path: Some(users),
        };
    }
    Filter {
        methods: methods
            .and_then(|item| reader.keep(read_methods(&item)))
            .unwrap_or_default(),
        path: path.and_then(|item| reader.keep(read_path(&item))),
    }
}

fn read_methods(item: &Item<'_>) -> Result<Vec<String>, Found> {
    let mut methods = Vec::new();
    for word in item.value.unwrap_or_default().split('|') {
        let method = word.trim().to_ascii_uppercase();
        if !METHODS.contains(&method.as_str()) {
            let problem = format!("{word:?} is not a method");
            return Err(item.wrong(
                problem,
                format!("write one of {}, or several: method='POST|PATCH'", METHODS.join(", ")),
            ));
        }
        methods.push(method);
    }
    Ok(methods)
}

fn read_path(item: &Item<'_>) -> Result<PathFilter, Found> {
    let text = item.value.unwrap_or_default();
    let Some(below) = text.strip_prefix('/') else {
        return Err(item.wrong(
            format!("{} does not begin with a slash", item.text()),
            "write the path below the endpoint, e.g. path=/Users or path=/Users/*",
        ));
    };
    if text.contains("scim/v2") {
        return Err(item.wrong(
            format!("{} has the endpoint in it", item.text()),
            "write only what comes after the endpoint, e.g. path=/Users",
        ));
    }
    if text.contains(['?', '#']) {
        return Err(item.wrong(
            format!("{} has a query; only the path is compared", item.text()),
            "leave out what comes after the question mark; look-ups are path=/Users,method=GET",
        ));
    }
    // A trailing dollar sign, as in a regular expression: this path, and not what is below it.
    let (below, exact) = below.strip_suffix('$').map_or((below, false), |below| (below, true));
    Ok(PathFilter {
        segments: below
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned)
            .collect(),
        exact,
    })
}

/// Which of those requests.
fn read_turns(reader: &mut Reader<'_>) -> Turns {
    const NUMBERS: RangeInclusive<u64> = 1..=u64::MAX;
    let mut number = |key: &'static str, mend: &str| {
        let item = reader.take(key)?;
        let number = reader.keep(item.number(NUMBERS, mend))?;
        Some((item, number))
    };
    let nth = number("nth", "write which request, counted from 1, e.g. nth=3");
    let from = number("from", "write the first request, counted from 1, e.g. from=20");
    let to = number("to", "write the last request, counted from 1, e.g. to=3");
    let every = number("every", "write e.g. every=5 for the 5th, 10th, 15th request");
    let chance = reader.take("p").and_then(|item| reader.keep(read_chance(&item)));
    let mut turns = Turns {
        from: from.map_or(1, |(_, number)| number),
        to: to.map_or(u64::MAX, |(_, number)| number),
        every: every.map_or(1, |(_, number)| number),
        chance,
    };
    if let Some((_, number)) = nth {
        for (stray, _) in [from, to, every].into_iter().flatten() {
            let problem = format!("{} beside nth, which is one request already", stray.text());
            reader.push(stray.wrong(problem, "leave out one of the two"));
        }
        (turns.from, turns.to, turns.every) = (number, number, 1);
    } else if let (Some((_, first)), Some((item, last))) = (from, to)
        && last < first
    {
        let problem = format!("{} is before from={first}, so no request is left", item.text());
        reader.push(item.wrong(problem, "exchange the two"));
    }
    turns
}

fn read_chance(item: &Item<'_>) -> Result<f64, Found> {
    let number = item.value.and_then(|text| text.parse::<f64>().ok());
    number.filter(|chance| *chance > 0.0 && *chance <= 1.0).ok_or_else(|| {
        item.wrong(
            format!("{} is not above 0 and at most 1", item.text()),
            "write a probability, e.g. p=0.1 for one request in ten",
        )
    })
}
