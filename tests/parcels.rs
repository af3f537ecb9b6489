//! What is known of parcels, from bytes in to alerts out.

use crate::support::hub::{HOUR, MINUTE, Run, Scene, lines_of, tiny_hub};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vigie::domain::{Alert, EventTime, Intensity, Span};
use vigie::simulate::{Injection, Scenario, Settings};

type Lines = Vec<(EventTime, Vec<u8>)>;

fn text<'v>(event: &'v Value, member: &str) -> &'v str {
    event[member].as_str().unwrap_or("")
}

/// The events, each changed by `change`, and those that it adds, in order of time.
fn changed(lines: &Lines, mut change: impl FnMut(&mut Value, i64) -> Vec<(i64, Value)>) -> Lines {
    let mut changed = Vec::new();
    for (time, line) in lines {
        let mut event: Value = serde_json::from_slice(line).unwrap();
        let more = change(&mut event, time.0);
        for (time, mut event) in std::iter::once((time.0, event)).chain(more) {
            event["time"] = json!(time);
            changed.push((EventTime(time), event.to_string().into_bytes()));
        }
    }
    changed.sort_by_key(|(time, _)| *time);
    changed
}

fn fired<'r>(run: &'r Run, detection: &str) -> Vec<&'r str> {
    run.firing()
        .filter(|alert| alert.detection == detection)
        .map(|alert| alert.entity.values().next().map_or("", String::as_str))
        .collect()
}

#[test]
fn an_access_that_carries_only_the_shipment_counts_as_if_it_had_carried_all() {
    let tour = Scenario::named("actor_fanout_spread").unwrap();
    let after = Span(Span::days(3).0 + 9 * HOUR);
    let scene = Scene::of(Settings {
        injections: vec![Injection::new(tour, after, Intensity::High).with("hours", 1.0)],
        ..tiny_hub(904)
    });
    let lines = lines_of(&scene, 4);
    let mut moved = BTreeSet::new();
    let mut stripped = 0;
    let bare = changed(&lines, |event, _| {
        let shipment = text(event, "shipment").to_owned();
        if text(event, "kind") == "movement" {
            moved.insert(shipment);
        } else if moved.contains(&shipment) {
            stripped += 1;
            for member in ["seller", "route", "origin", "destination"] {
                event.as_object_mut().unwrap().remove(member);
            }
        }
        Vec::new()
    });
    assert!(stripped > 10_000, "{stripped}");
    let (whole, bare) = (scene.judge(&lines, 1), scene.judge(&bare, 3));
    assert_eq!(whole.records(), bare.records());
    // The tour is told of, by itself or with what else is unusual about its actor.
    let counts_sellers = |alert: &Alert| {
        let mut measures = alert.evidence.iter().map(|one| one.measure.as_str());
        measures.any(|measure| measure == "distinct(seller)")
    };
    assert!(
        whole.alerts.iter().any(counts_sellers),
        "{:?}",
        whole.told()
    );
}

#[test]
fn a_seller_whose_labels_are_copied_is_found_and_no_other() {
    let scene = Scene::of(tiny_hub(905));
    let lines = lines_of(&scene, 7);
    let begins = lines[0].0.0 + 5 * 24 * HOUR;
    let mut copies = 0;
    let mut victim = String::new();
    let copied = changed(&lines, |event, time| {
        if text(event, "step") != "arriving" || time < begins {
            return Vec::new();
        }
        if victim.is_empty() {
            victim = text(event, "seller").to_owned();
        }
        if text(event, "seller") != victim || time % 3 != 0 {
            return Vec::new();
        }
        copies += 1;
        let elsewhere = ["DEFRA", "FRCDG"][usize::from(text(event, "location") == "DEFRA")];
        let mut copy = event.clone();
        copy["id"] = json!(format!("copy-{copies}"));
        copy["location"] = json!(elsewhere);
        vec![(time + 3 * MINUTE, copy)]
    });
    let (honest, copied) = (scene.judge(&lines, 1), scene.judge(&copied, 3));
    assert_eq!(fired(&honest, "impossible_transit"), [""; 0]);
    assert!(copies >= 5, "{copies}");
    let found: BTreeSet<&str> = fired(&copied, "impossible_transit").into_iter().collect();
    assert_eq!(found, BTreeSet::from([victim.as_str()]), "{copies} copies");
}

#[test]
fn a_seller_of_labels_without_goods_is_found_and_no_other() {
    let scene = Scene::of(tiny_hub(906));
    let lines = lines_of(&scene, 10);
    let mut labels = 0;
    let labelled = changed(&lines, |event, time| {
        if text(event, "step") != "accepting" {
            return Vec::new();
        }
        labels += 1;
        let mut label = event.clone();
        label["id"] = json!(format!("label-{labels}"));
        label["step"] = json!("commissioning");
        let mut more = vec![(time - 10 * HOUR, label.clone())];
        // One seller prints two more for each parcel that it ships, and everybody some.
        let extra = if text(event, "seller") == "seller-00003" {
            2
        } else {
            i64::from(labels % 30 == 0)
        };
        for n in 0..extra {
            label["id"] = json!(format!("label-{labels}-{n}"));
            label["shipment"] = json!(format!("{}-{n}", text(event, "shipment")));
            more.push((time - 9 * HOUR, label.clone()));
        }
        more
    });
    let sellers: BTreeSet<String> = lines
        .iter()
        .map(|(_, line)| serde_json::from_slice::<Value>(line).unwrap())
        .map(|event| text(&event, "seller").to_owned())
        .collect();
    assert!(sellers.contains("seller-00003"), "{sellers:?}");
    let run = scene.judge(&labelled, 2);
    let found: BTreeSet<&str> = fired(&run, "phantom_label_ratio").into_iter().collect();
    assert_eq!(found, BTreeSet::from(["seller-00003"]), "{:#?}", run.told());
}
