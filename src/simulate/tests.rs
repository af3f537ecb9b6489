//! Properties of the traffic as a whole.

use super::*;
use crate::domain::{Action, AlertClass, Kind, Member, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// The small hub with every attack on its second day, a Tuesday.
fn eventful(seed: u64) -> Settings {
    let attack = |scenario: Scenario| Attack {
        scenario,
        after: match scenario.class() {
            AlertClass::Integrity => Span::hours(24 + 19),
            _ => Span::minutes((24 + 9) * 60 + 10),
        },
        length: Span::hours(4),
        intensity: match scenario {
            Scenario::RouteSilence => 1.0,
            Scenario::RouteSurge => 3.0,
            Scenario::SellerSurge => 10.0,
            Scenario::DecoyTouch => 4.0,
            Scenario::ActorVolumeSurge => 20.0,
            Scenario::ActorFanoutSpread => 200.0,
            Scenario::OneTouchSweep => 300.0,
            Scenario::BulkExport | Scenario::ThirdPartyEgress => 30_000.0,
        },
    };
    Settings {
        attacks: Scenario::ALL.into_iter().map(attack).collect(),
        ..Settings::small_hub(seed)
    }
}

fn run(settings: Settings, days: i64) -> impl Iterator<Item = Event<'static>> {
    let mut hub = Hub::new(settings);
    (0..days * 24 * 60).flat_map(move |_| hub.next_minute().events)
}

fn carries(event: &Event<'_>, entity: &BTreeMap<&'static str, String>) -> bool {
    entity.iter().all(|(name, value)| {
        Member::named(name).and_then(|member| event.member(member)) == Some(value.as_str())
    })
}

fn is_read_by(event: &Event<'_>, role: &str) -> bool {
    event.action == Some(Action::Read) && event.role.as_deref() == Some(role)
}

fn is_induction(event: &Event<'_>) -> bool {
    event.step.as_deref() == Some("accepting")
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (n - 1.0))
}

#[test]
fn the_same_settings_give_the_same_bytes_and_another_seed_gives_others() {
    let bytes = |seed| {
        let mut hub = Hub::new(eventful(seed));
        let mut out = Vec::new();
        for _ in 0..360 {
            for event in hub.next_minute().events {
                to_json_line(&event, &mut out);
            }
        }
        out
    };
    let first = bytes(7);
    assert!(first.len() > 1_000_000);
    assert!(first == bytes(7));
    assert!(first != bytes(8));
}

#[test]
fn every_line_is_an_object_with_a_time_and_a_kind() {
    let mut hub = Hub::new(Settings::small_hub(2));
    let mut out = Vec::new();
    for event in hub.next_minute().events {
        to_json_line(&event, &mut out);
    }
    for line in out
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert!(value["time"].is_string() && value["kind"].is_string());
    }
}

#[test]
fn quiet_traffic_comes_in_order_of_time_and_each_event_once() {
    let events: Vec<_> = run(eventful(3).quiet(), 2).collect();
    assert!(events.is_sorted_by_key(|event| event.time));
    let ids: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| event.id.as_deref())
        .collect();
    assert_eq!(ids.len(), events.len());
}

#[test]
fn disorder_and_duplicates_are_as_frequent_and_as_late_as_set() {
    let settings = Settings {
        duplicate_share: 0.02,
        disorder_share: 0.05,
        ..Settings::small_hub(4)
    };
    let max = settings.disorder_max;
    let mut hub = Hub::new(settings);
    let mut seen: BTreeMap<String, Event<'static>> = BTreeMap::new();
    let (mut repeats, mut late, mut events) = (0.0, 0.0, 0.0);
    for _ in 0..1_440 {
        let minute = hub.next_minute();
        for event in minute.events {
            events += 1.0;
            let lag = minute.start - event.time;
            late += f64::from(lag > Span::ZERO);
            let id = event.id.as_deref().unwrap().to_owned();
            match seen.get(&id) {
                Some(first) => {
                    repeats += 1.0;
                    assert_eq!(*first, event);
                }
                None => {
                    assert!(lag <= max);
                    seen.insert(id, event);
                }
            }
        }
    }
    assert!((repeats / events - 0.02_f64).abs() < 0.004);
    assert!((0.03..0.08).contains(&(late / events)), "{}", late / events);
}

#[test]
fn every_event_has_what_the_schema_requires() {
    for event in run(eventful(5), 2) {
        for country in [Member::Country, Member::RecipientCountry] {
            assert!(event.member(country).is_none_or(|code| code.len() == 2));
        }
        for member in Member::ALL {
            assert!(
                event
                    .member(member)
                    .is_none_or(|text| (1..=64).contains(&text.len()))
            );
        }
        if let (Some(origin), Some(destination)) = (&event.origin, &event.destination) {
            let route = format!("{}>{}", origin.0, destination.0);
            assert_eq!(event.member(Member::Route), Some(route.as_str()));
        }
        match event.kind {
            Kind::Movement => {
                assert!(event.shipment.is_some() && event.step.is_some());
                assert!(event.seller.is_some() && event.route.is_some());
                assert!(event.actor.is_none() && event.action.is_none());
            }
            Kind::Access => {
                assert!(event.actor.is_some() && event.action.is_some());
                assert!(event.org.is_some() && event.role.is_some() && event.network.is_some());
                let hands_on = matches!(event.action, Some(Action::Share | Action::Subscribe));
                assert_eq!(event.recipient.is_some(), hands_on);
                assert!(event.outcome == Some(Outcome::Ok) || event.record_count() == 0);
            }
            derived => panic!("{derived:?} is no event of a hub"),
        }
    }
}

#[test]
fn offices_sleep_at_night_banks_come_at_night_and_machines_never_rest() {
    let events: Vec<_> = run(Settings::small_hub(6).quiet(), 2).collect();
    let at_hours = |hours: std::ops::Range<usize>, is: &dyn Fn(&Event<'_>) -> bool| {
        let span = hours.len() as f64;
        let of = |event: &&Event<'_>| hours.contains(&event.time.hour_of_day()) && is(event);
        events.iter().filter(of).count() as f64 / span
    };
    let broker = |event: &Event<'_>| is_read_by(event, "broker");
    assert!(at_hours(8..15, &broker) > 8.0 * at_hours(0..5, &broker));
    assert!(at_hours(20..24, &is_induction) > 3.0 * at_hours(10..16, &is_induction));
    let machine = |event: &Event<'_>| is_read_by(event, "aggregator");
    let ratio = at_hours(8..15, &machine) / at_hours(0..5, &machine);
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
}

#[test]
fn seller_sizes_spread_as_set_and_few_ship_most() {
    let hub = Hub::new(Settings::small_hub(7));
    let sellers = &hub.population.sellers;
    let logs: Vec<f64> = sellers
        .iter()
        .map(|seller| seller.parcels_per_day.ln())
        .collect();
    let (_, variance) = mean_and_variance(&logs);
    assert!((variance.sqrt() - 1.84).abs() < 0.2, "{variance}");
    let mut sizes: Vec<f64> = sellers
        .iter()
        .map(|seller| seller.parcels_per_day)
        .collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let largest: f64 = sizes[..40].iter().sum();
    assert!((0.5..0.9).contains(&(largest / 4_000.0)), "{largest}");
}

#[test]
fn roles_return_to_parcels_as_they_do() {
    let mut reads: BTreeMap<String, (f64, BTreeSet<(String, String)>)> = BTreeMap::new();
    for event in run(Settings::small_hub(8).quiet(), 2) {
        if event.time.day() == Settings::MONDAY.day() || event.action != Some(Action::Read) {
            continue;
        }
        let text = |member| event.member(member).unwrap_or_default().to_owned();
        let (count, touched) = reads.entry(text(Member::Role)).or_default();
        *count += 1.0;
        touched.insert((text(Member::Actor), text(Member::Shipment)));
    }
    let expected = [
        ("aggregator", 0.02..0.05),
        ("platform", 0.15..0.25),
        ("seller", 0.22..0.38),
        ("carrier", 0.45..0.62),
        ("support", 0.55..0.75),
        ("broker", 0.87..0.97),
        ("customs", 0.87..0.97),
    ];
    for (role, range) in expected {
        let (count, touched) = &reads[role];
        let share = touched.len() as f64 / count;
        assert!(range.contains(&share), "{role}: {share}");
    }
}

#[test]
fn a_peak_day_raises_everything_by_its_factor() {
    let usual = Settings::small_hub(9).quiet();
    let peak = Settings {
        peak_days: vec![PeakDay {
            day: 1,
            factor: 2.0,
            heterogeneity: 0.2,
        }],
        ..usual.clone()
    };
    let on_day_1 = |settings, is: fn(&Event<'_>) -> bool| {
        let day = Settings::MONDAY.day() + 1;
        let of = |event: &Event<'_>| event.time.day() == day && is(event);
        run(settings, 2).filter(of).count() as f64
    };
    for is in [is_induction, |event: &Event<'_>| event.action.is_some()] {
        let ratio = on_day_1(peak.clone(), is) / on_day_1(usual.clone(), is);
        assert!((1.7..2.3).contains(&ratio), "{ratio}");
    }
}

#[test]
fn counts_vary_as_the_factors_say_and_without_trend() {
    let settings = Settings {
        attacks: Vec::new(),
        ..Settings::small_hub(10).quiet()
    };
    let days = 14;
    let is_counted = |event: &Event<'_>| is_induction(event) || is_read_by(event, "aggregator");
    let events: Vec<_> = run(settings.clone(), days).filter(is_counted).collect();
    let hour = |event: &Event<'_>| ((event.time - settings.start).0 / Span::HOUR.0) as usize;
    let hours = days as usize * 24;
    let mut polls: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for event in events
        .iter()
        .filter(|event| is_read_by(event, "aggregator"))
    {
        if let Some(actor) = event.actor.as_deref() {
            polls.entry(actor).or_insert_with(|| vec![0.0; hours])[hour(event)] += 1.0;
        }
    }
    assert!(polls.len() > 5);
    // Poisson variance apart, what remains is the entity's factor and the common one.
    let expected = settings.machine_cv.powi(2) + settings.common_cv.powi(2);
    let mut excess = 0.0;
    for counts in polls.values() {
        let (mean, variance) = mean_and_variance(counts);
        excess += (variance - mean) / (mean * mean) / polls.len() as f64;
    }
    let sum_of = |hours: std::ops::Range<usize>| -> f64 {
        polls
            .values()
            .flat_map(|counts| &counts[hours.clone()])
            .sum()
    };
    let drift = sum_of(hours / 2..hours) / sum_of(0..hours / 2);
    assert!((0.96..1.04).contains(&drift), "{drift}");
    assert!(
        (excess / expected - 1.0).abs() < 0.2,
        "{excess} for {expected}"
    );

    // Inductions of one seller, judged against its known size and the season.
    let hub = Hub::new(settings.clone());
    let sellers = hub.population.sellers.iter();
    let largest = sellers
        .max_by(|a, b| a.parcels_per_day.total_cmp(&b.parcels_per_day))
        .unwrap();
    let mut ratios = vec![0.0; hours];
    let (mut poisson_part, mut sum) = (0.0, 0.0);
    let expect = |n: usize| {
        let time = settings.start + Span::hours(n as i64);
        largest.parcels_per_day / 24.0 * hub.movement.season_level(time)
    };
    for event in events.iter().filter(|event| is_induction(event)) {
        if event.seller.as_deref() == Some(largest.name.as_str()) {
            ratios[hour(event)] += 1.0 / expect(hour(event));
            sum += 1.0;
        }
    }
    for n in 0..hours {
        poisson_part += 1.0 / expect(n) / hours as f64;
    }
    let (mean, variance) = mean_and_variance(&ratios);
    let expected = settings.people_cv.powi(2) + settings.common_cv.powi(2);
    assert!(sum > 1_000.0 && (0.85..1.15).contains(&mean), "{mean}");
    let excess = variance - poisson_part;
    assert!(
        (0.7..1.45).contains(&(excess / expected)),
        "{excess} for {expected}"
    );
}

#[test]
fn usual_events_are_the_same_with_attacks_and_without() {
    let mut settings = eventful(11).quiet();
    settings
        .attacks
        .retain(|attack| attack.scenario != Scenario::RouteSilence);
    let keys = |settings| -> BTreeSet<(EventTime, String)> {
        run(settings, 2)
            .filter_map(|event| Some((event.time, event.id?.to_string())))
            .collect()
    };
    let (with, without) = (keys(settings.clone()), keys(settings.honest()));
    assert!(with.is_superset(&without));
    assert!(with.len() > without.len() + 1_000);
}

#[test]
fn each_episode_labels_what_was_injected_and_only_that() {
    let settings = eventful(12).quiet();
    let hub = Hub::new(settings.clone());
    let episodes = hub.episodes();
    assert_eq!(episodes.len(), Scenario::ALL.len());
    // Events that carry each episode's entity, inside its time and outside.
    let count = |settings| {
        let mut counts = vec![[0.0; 2]; episodes.len()];
        for event in run(settings, 2) {
            for (episode, counts) in episodes.iter().zip(&mut counts) {
                // A parcel goes on afterwards, and is read by anybody: count where it starts.
                let counted = is_induction(&event) || episode.class == AlertClass::Harvesting;
                if counted && carries(&event, &episode.entity) {
                    let inside = episode.start <= event.time && event.time < episode.end;
                    counts[usize::from(inside)] += 1.0;
                }
            }
        }
        counts
    };
    let (with, without) = (count(settings.clone()), count(settings.honest()));
    for (n, episode) in episodes.iter().enumerate() {
        let injected = with[n][1] - without[n][1];
        let expected = match episode.scenario {
            "actor_volume_surge" => 30.0..3_000.0,
            "bulk_export" => 6.0..7.0,
            "actor_fanout_spread" => 240.0..330.0,
            "one_touch_sweep" => 295.0..301.0,
            "route_silence" => -400.0..-15.0,
            "route_surge" => 40.0..800.0,
            "seller_surge" => 10.0..300.0,
            "third_party_egress" => 40.0..41.0,
            _ => 4.0..5.0,
        };
        assert!(
            expected.contains(&injected),
            "{}: {injected}",
            episode.story
        );
        // Routes and sellers of different targets meet: a surge of one shows in the other.
        if episode.class == AlertClass::Harvesting {
            assert_eq!(with[n][0], without[n][0], "{}", episode.story);
        }
        assert!(episode.is_named_by(&episode.entity));
        assert!(!episode.is_named_by(&BTreeMap::new()));
    }
    let entities: BTreeSet<_> = episodes.iter().map(|episode| &episode.entity).collect();
    assert_eq!(entities.len(), episodes.len(), "targets differ");
}

#[test]
fn a_sweep_reads_each_parcel_once_and_a_fan_out_each_seller_at_most_twice() {
    let settings = eventful(13).quiet();
    let hub = Hub::new(settings.clone());
    let is_of_an_episode = |event: &Event<'_>| {
        let mut episodes = hub.episodes().iter();
        episodes.any(|episode| carries(event, &episode.entity))
    };
    let events: Vec<_> = run(settings, 2).filter(is_of_an_episode).collect();
    let touched = |scenario: &str, member: Member| {
        let episode = hub
            .episodes()
            .iter()
            .find(|e| e.scenario == scenario)
            .unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for event in events
            .iter()
            .filter(|event| carries(event, &episode.entity))
        {
            if episode.start <= event.time && event.time < episode.end {
                *counts
                    .entry(event.member(member).unwrap_or_default().to_owned())
                    .or_default() += 1;
            }
        }
        counts
    };
    // The account goes on with its usual work meanwhile, so a few may be more.
    let swept = touched("one_touch_sweep", Member::Shipment);
    assert!(swept.len() >= 295);
    assert!(swept.values().filter(|&&reads| reads > 1).count() < 30);
    let fanned = touched("actor_fanout_spread", Member::Seller);
    assert!(fanned.len() >= 195);
    assert!(fanned.values().filter(|&&reads| reads > 2).count() < 60);
}

#[test]
fn only_the_attack_touches_decoys() {
    let settings = eventful(14);
    let mut hub = Hub::new(settings.clone());
    let decoys: BTreeSet<String> = hub.decoys().into_iter().collect();
    assert_eq!(decoys.len(), settings.decoys);
    let is_decoy = |event: &Event<'_>| {
        event
            .shipment
            .as_deref()
            .is_some_and(|s| decoys.contains(s))
    };
    let episode = hub.episodes().last().unwrap().clone();
    assert_eq!(episode.scenario, "decoy_touch");
    let mut touches = 0;
    for _ in 0..2 * 1_440 {
        for event in hub
            .next_minute()
            .events
            .iter()
            .filter(|event| is_decoy(event))
        {
            assert!(carries(event, &episode.entity));
            assert!(episode.start <= event.time && event.time < episode.end);
            touches += 1;
        }
    }
    assert!(touches >= 4);
    assert!(!run(settings.honest(), 2).any(|event| is_decoy(&event)));
}

#[test]
fn usual_recipients_are_known_after_a_day_and_the_new_one_is_new() {
    let settings = eventful(15).quiet();
    let hub = Hub::new(settings.clone());
    let egress = hub
        .episodes()
        .iter()
        .find(|e| e.scenario == "third_party_egress")
        .unwrap();
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut countries = BTreeSet::new();
    for event in run(settings, 2) {
        let text = |member| event.member(member).map(str::to_owned);
        let (Some(org), Some(recipient)) = (text(Member::Org), text(Member::Recipient)) else {
            continue;
        };
        let country = text(Member::RecipientCountry).unwrap();
        if event.time < Settings::MONDAY + Span::DAY {
            *known.entry((org, recipient)).or_default() += 1;
            countries.insert(country);
        } else if carries(&event, &egress.entity) {
            assert!(!known.contains_key(&(org, recipient)) && !countries.contains(&country));
        } else {
            assert!(known.contains_key(&(org, recipient)));
        }
    }
    assert!(known.len() > 20);
    assert!(known.values().all(|&shares| shares > 40), "{known:?}");
}

#[test]
fn a_tiny_hub_runs_and_attacks_without_a_target_are_left_out() {
    let settings = Settings {
        sellers: 0,
        routes: 0,
        actors: 0,
        decoys: 0,
        parcels_per_day: 3.0,
        reads_per_day: 5.0,
        ..eventful(16)
    };
    let start = settings.start + Span::hours(5);
    let mut hub = Hub::new(Settings { start, ..settings });
    assert_eq!(hub.now(), Settings::MONDAY);
    assert!(hub.episodes().len() <= Scenario::ALL.len());
    for _ in 0..3 * 1_440 {
        hub.next_minute();
    }
}

#[test]
fn the_demo_has_one_attack_of_each_kind_after_four_days() {
    let hub = Hub::new(Settings::demo(1));
    let scenarios: BTreeSet<&str> = hub.episodes().iter().map(|e| e.scenario).collect();
    assert_eq!(scenarios.len(), Scenario::ALL.len());
    for episode in hub.episodes() {
        assert!(episode.start >= Settings::MONDAY + Span::days(4));
        assert_eq!(
            Scenario::named(episode.scenario).map(Scenario::detection),
            Some(episode.detection)
        );
    }
}

#[test]
fn every_egress_goes_to_a_recipient_and_a_country_of_its_own() {
    let mut settings = eventful(17);
    settings
        .attacks
        .retain(|attack| attack.scenario == Scenario::ThirdPartyEgress);
    settings.attacks = settings.attacks.repeat(4);
    let hub = Hub::new(settings);
    for member in ["recipient", "recipient_country"] {
        let values: BTreeSet<_> = hub
            .episodes()
            .iter()
            .map(|e| e.entity[member].clone())
            .collect();
        assert_eq!(values.len(), 4);
    }
}
