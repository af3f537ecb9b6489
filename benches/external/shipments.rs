//! USAID's SCMS delivery history as movement events.
//!
//! | member | column |
//! |---|---|
//! | `id` | ID, the number of the line |
//! | `time` | Delivered to Client Date, else Scheduled Delivery Date; a day, taken as its midnight in UTC |
//! | `shipment` | ASN/DN #, the shipping notice, which several lines share |
//! | `seller` | Vendor |
//! | `route` | Manufacturing Site > Country; no `origin`, since sites are long names |
//! | `commodity` | Sub Classification, a product class |
//! | `weight_grams` | Weight (Kilograms), where it is a number |
//!
//! `step` is always `delivering`. Left out on purpose: values and costs, which are US dollars at
//! rates of ten years; the quantity, which counts packs and not pieces; modes and clauses, for
//! which an event has no member. A line without a day is left out whole, since nobody knows when
//! it happened. What is left out is counted.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The columns that are used.
#[derive(Deserialize)]
pub(crate) struct Line {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ASN/DN #")]
    notice: String,
    #[serde(rename = "Country")]
    country: String,
    #[serde(rename = "Scheduled Delivery Date")]
    scheduled: String,
    #[serde(rename = "Delivered to Client Date")]
    delivered: String,
    #[serde(rename = "Sub Classification")]
    class: String,
    #[serde(rename = "Vendor")]
    vendor: String,
    #[serde(rename = "Manufacturing Site")]
    site: String,
    #[serde(rename = "Weight (Kilograms)")]
    weight: String,
}

/// What the converter could not take over: the reason, and how many lines.
#[derive(Default)]
pub(crate) struct LeftOut(pub(crate) BTreeMap<&'static str, usize>);

impl LeftOut {
    fn note(&mut self, reason: &'static str) {
        *self.0.entry(reason).or_default() += 1;
    }
}

/// An event and its time in milliseconds since 1970; `None` for a line without a day.
pub(crate) fn event(line: &Line, left_out: &mut LeftOut) -> Option<(i64, Value)> {
    let Some(time) = time_of(line, left_out) else {
        left_out.note("line: neither delivered nor scheduled on a day");
        return None;
    };
    let mut event = json!({
        "id": format!("scms-{}", line.id),
        "time": time,
        "kind": "movement",
        "step": "delivering",
        "shipment": line.notice,
        "seller": line.vendor,
        "route": format!("{}>{}", line.site, line.country),
        "commodity": line.class,
    });
    match grams_of(&line.weight) {
        Ok(grams) => event["weight_grams"] = json!(grams),
        Err(reason) => left_out.note(reason),
    }
    Some((time, event))
}

fn time_of(line: &Line, left_out: &mut LeftOut) -> Option<i64> {
    midnight(&line.delivered).or_else(|| {
        let scheduled = midnight(&line.scheduled)?;
        left_out.note("delivered date: not a day, the scheduled one stands for it");
        Some(scheduled)
    })
}

/// The first instant of a day such as `02-Jun-06`, in milliseconds since 1970.
fn midnight(day: &str) -> Option<i64> {
    let date = Date::strptime("%d-%b-%y", day.trim()).ok()?;
    let instant = date.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?;
    Some(instant.timestamp().as_millisecond())
}

/// A weight in grams, or what stands in its place.
fn grams_of(weight: &str) -> Result<f64, &'static str> {
    match weight.trim().parse::<f64>() {
        Ok(kilograms) if kilograms >= 0.0 && kilograms.is_finite() => Ok(kilograms * 1_000.0),
        Ok(_) => Err("weight: no weight at all"),
        Err(_) if weight.starts_with("See ") => Err("weight: stands in another line"),
        Err(_) if weight == "Weight Captured Separately" => Err("weight: captured separately"),
        Err(_) => Err("weight: not a number"),
    }
}
