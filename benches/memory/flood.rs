//! Traffic of a simulated hub, with invented sellers poured into it.

use vigie::domain::{Event, EventTime, Intensity, Kind, Span, Text};
use vigie::simulate::{Hub, Injection, Scenario, Settings, to_json_line};

/// What an invented seller's name begins with; no seller of a hub is called so.
pub(crate) const INVENTED: &str = "inv-";

/// Invented sellers, each with one parcel that is scanned once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// When it begins, after the hub does.
    pub(crate) after: Span,
    /// How long it lasts.
    pub(crate) minutes: u64,
    /// Different sellers, a minute.
    pub(crate) sellers_per_minute: u64,
}

/// A hub of so many sellers on some of whom there are attacks from its fourth day on.
pub(crate) fn attacked_hub(seed: u64, sellers: usize, days: i64) -> Settings {
    let scenarios = ["seller_surge", "seller_silence", "declaration_value_shift"];
    let attacks = (4..days - 1).flat_map(|day| {
        (0..scenarios.len()).filter_map(move |which| {
            let after = Span(Span::days(day).0 + Span::hours(1 + 7 * which as i64).0);
            let scenario = Scenario::named(scenarios[which])?;
            Some(Injection::new(scenario, after, Intensity::High))
        })
    });
    Settings {
        sellers,
        injections: attacks.collect(),
        ..Settings::small_hub(seed)
    }
}

/// Shows every event of so many days as a line of JSON, without its end, and the minute it is of.
pub(crate) fn pour<E>(
    hub: &mut Hub,
    days: i64,
    flood: Option<Flood>,
    mut each: impl FnMut(EventTime, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let began = hub.now();
    let mut invented = 0_u64;
    let mut line = Vec::new();
    let mut show = |minute: EventTime, event: &Event<'_>| {
        line.clear();
        to_json_line(event, &mut line);
        line.pop();
        each(minute, &line)
    };
    while hub.now() < began + Span::days(days) {
        let minute = hub.next_minute();
        let events = minute.events;
        let since = (minute.start - began).0 - flood.map_or(0, |flood| flood.after.0);
        let floods = |flood: &Flood| (0..flood.minutes as i64).contains(&(since / Span::MINUTE.0));
        let Some(flood) = flood.filter(|flood| since >= 0 && floods(flood)) else {
            for event in &events {
                show(minute.start, event)?;
            }
            continue;
        };
        // Each looks like a scan of this minute, but for who sells what.
        let scans: Vec<&Event<'_>> = events
            .iter()
            .filter(|event| event.kind == Kind::Movement)
            .collect();
        let per_event = flood.sellers_per_minute / events.len().max(1) as u64 + 1;
        let mut left = flood.sellers_per_minute;
        for event in &events {
            show(minute.start, event)?;
            for _ in 0..per_event.min(left) {
                let Some(scan) = scans.get(invented as usize % scans.len().max(1)) else {
                    break;
                };
                // A bijection, so that no two are the same and none tells of the one before.
                let name = invented.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let text = |value: String| Some(Text::from(value));
                show(
                    minute.start,
                    &Event {
                        time: event.time,
                        id: text(format!("inv-e{name:016x}")),
                        seller: text(format!("{INVENTED}{name:016x}")),
                        shipment: text(format!("VI{:011}", 10 * invented)),
                        ..(*scan).clone()
                    },
                )?;
                invented += 1;
                left -= 1;
            }
        }
    }
    Ok(())
}
