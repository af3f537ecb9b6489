//! Properties of the traffic as a whole.

use super::*;
use crate::domain::{Action, EntityMembers, EpisodeKind, Intensity, Kind, Member, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// The small hub with every attack on its second day, a Tuesday, at that intensity.
fn eventful(seed: u64, intensity: Intensity) -> Settings {
    let attack = |scenario: &'static Scenario| {
        let (first, last) = scenario.hours();
        let hour = 10.clamp(first, last);
        Injection::new(scenario, Span::minutes((24 + hour) * 60 + 10), intensity)
    };
    Settings {
        injections: Scenario::attacks().map(attack).collect(),
        ..Settings::small_hub(seed)
    }
}

fn run(settings: Settings, days: i64) -> impl Iterator<Item = Event<'static>> {
    let mut hub = Hub::new(settings);
    (0..days * 24 * 60).flat_map(move |_| hub.next_minute().events)
}

fn carries(event: &Event<'_>, entity: &EntityMembers) -> bool {
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
        let mut hub = Hub::new(eventful(seed, Intensity::Middle));
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
    let events: Vec<_> = run(eventful(3, Intensity::Middle).quiet(), 2).collect();
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
        skewed_share: 0.0,
        very_late_share: 0.0,
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
    for event in run(eventful(5, Intensity::Middle), 2) {
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
                assert!(event.role.is_some() && event.network.is_some());
                assert_eq!(event.org.is_none(), event.role.as_deref() == Some("buyer"));
                let hands_on = matches!(event.action, Some(Action::Share | Action::Subscribe));
                assert_eq!(event.recipient.is_some(), hands_on);
                assert!(event.outcome == Some(Outcome::Ok) || event.record_count() == 0);
            }
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
        regimes: vec![Regime::peak(1, 1, 2.0, 0.2)],
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
    let settings = Settings::small_hub(10).quiet();
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
    let mut settings = eventful(11, Intensity::Middle).quiet();
    let loses = |injection: &Injection| injection.scenario.name().ends_with("silence");
    let skips = |injection: &Injection| injection.scenario.name() == "skipped_scans";
    settings.injections.retain(|one| !loses(one) && !skips(one));
    let keys = |settings| -> BTreeSet<(EventTime, String)> {
        run(settings, 2)
            .filter_map(|event| Some((event.time, event.id?.to_string())))
            .collect()
    };
    let (with, without) = (keys(settings.clone()), keys(settings.honest()));
    assert!(with.is_superset(&without));
    assert!(with.len() > without.len() + 1_000);
}

/// So many days of a hub, and its labels at the end.
fn labelled(settings: Settings, days: i64) -> (Vec<Event<'static>>, Hub) {
    let mut hub = Hub::new(settings);
    let minutes = 0..days * 24 * 60;
    let events = minutes.flat_map(|_| hub.next_minute().events).collect();
    (events, hub)
}

#[test]
fn labels_say_what_was_put_in_and_only_that() {
    for intensity in Intensity::ALL {
        let settings = eventful(12, intensity).quiet();
        let (events, hub) = labelled(settings.clone(), 6);
        let by_id: BTreeMap<&str, &Event<'_>> = (events.iter())
            .filter_map(|event| Some((event.id.as_deref()?, event)))
            .collect();
        let usual: BTreeSet<String> = run(settings.honest(), 6)
            .filter_map(|event| Some(event.id?.to_string()))
            .collect();
        let mut of_episode: BTreeMap<String, Vec<&Event<'_>>> = BTreeMap::new();
        let mut labelled_ids = BTreeSet::new();
        for label in hub.event_labels() {
            let event = by_id[label.id.as_str()];
            assert!(labelled_ids.insert(label.id), "each event is labelled once");
            of_episode.entry(label.episode).or_default().push(event);
        }
        // What is not usual belongs to an episode.
        for id in by_id.keys().filter(|id| !usual.contains(**id)) {
            assert!(labelled_ids.contains(*id), "{id} belongs to nothing");
        }
        let episodes = hub.episodes();
        assert_eq!(episodes.len(), Scenario::attacks().count());
        for episode in &episodes {
            let name = &episode.scenario;
            assert_eq!(episode.kind, EpisodeKind::Attack);
            assert!(!episode.entities.is_empty() && !episode.detections.is_empty());
            let events = of_episode.remove(&episode.id).unwrap_or_default();
            assert_eq!(events.len() as u64, episode.events, "{name}");
            // A silence is made of what is not there.
            assert_eq!(events.is_empty(), name.ends_with("silence"), "{name}");
            for event in &events {
                assert!(event.time >= episode.start, "{name}");
                // Scans of a parcel go on after it was accepted.
                let slack = if event.kind == Kind::Movement {
                    JOURNEY_MAX
                } else {
                    Span::HOUR
                };
                assert!(event.time < episode.end + slack, "{name}: {}", event.time);
                let names_a_key = episode.entities.iter().any(|key| carries(event, key));
                let is_of_an_agent = event.action == Some(Action::Update);
                assert!(names_a_key || is_of_an_agent, "{name}: {event:?}");
            }
            let taken: u64 = (events.iter())
                .filter(|event| event.kind == Kind::Access && event.endpoint.is_some())
                .filter(|event| event.outcome == Some(Outcome::Ok))
                .map(|event| event.record_count())
                .sum();
            let last = episode.taken.last().map_or(0, |point| point.1);
            assert_eq!(last, taken, "{name}");
            assert!(episode.taken.is_sorted() && episode.taken.len() <= 64);
        }
    }
}

#[test]
fn what_is_stronger_is_more() {
    let sizes = |intensity| -> BTreeMap<String, f64> {
        let mut sizes = BTreeMap::new();
        for seed in 20..23 {
            let settings = Settings {
                scrapers_per_day: 0.0,
                ..eventful(seed, intensity)
            };
            let (_, hub) = labelled(settings, 5);
            for episode in hub.episodes() {
                let hours = (episode.end - episode.start).0 as f64 / Span::HOUR.0 as f64;
                let size =
                    (episode.events as f64).max(episode.taken.last().map_or(0.0, |t| t.1 as f64));
                *sizes.entry(episode.scenario).or_insert(0.0) += size / hours;
            }
        }
        sizes
    };
    let (low, high) = (sizes(Intensity::Low), sizes(Intensity::High));
    // A value is changed more or less on every parcel; how much is not a matter of how many.
    let by_degree = [
        "undervaluation",
        "route_silence",
        "seller_silence",
        "duty_step_bunching",
    ];
    for (name, size) in low
        .iter()
        .filter(|(name, _)| !by_degree.contains(&name.as_str()))
    {
        assert!(
            high[name] > 1.3 * size,
            "{name}: {size} an hour, and {}",
            high[name]
        );
    }
}

#[test]
fn parameters_of_the_two_splits_never_meet() {
    use super::random::stream;
    for scenario in Scenario::all() {
        for (n, parameter) in scenario.parameters().iter().enumerate() {
            for intensity in Intensity::ALL {
                let mut random = stream(1, Purpose::Target, n as u64);
                let mut draw = |split| -> Vec<f64> {
                    let mut values: Vec<f64> = (0..400)
                        .map(|_| parameter.draw(intensity, split, &mut random))
                        .collect();
                    values.sort_by(f64::total_cmp);
                    values
                };
                let (tune, report) = (draw(Split::Tune), draw(Split::Report));
                let (low, high) = parameter.ranges[intensity as usize];
                assert!(tune[0] >= low && *report.last().unwrap() <= high);
                // Tune, report, tune, report: between neighbours of one split lies the other.
                let parts = |values: &[f64], other: &[f64]| {
                    let mut runs = 1;
                    for pair in values.windows(2) {
                        let between = other.iter().any(|v| pair[0] < *v && *v < pair[1]);
                        runs += usize::from(between);
                    }
                    runs
                };
                assert_eq!(parts(&tune, &report), 2, "{scenario:?} {}", parameter.name);
                assert_eq!(parts(&report, &tune), 2, "{scenario:?} {}", parameter.name);
            }
        }
    }
}

#[test]
fn most_parcels_are_looked_up_and_by_a_buyer_of_their_own() {
    let (events, _) = labelled(Settings::small_hub(13).quiet(), 5);
    let mut looks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut parcels_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut counts = (0.0, 0.0);
    for event in &events {
        if event.role.as_deref() != Some("buyer") {
            continue;
        }
        counts.0 += 1.0;
        counts.1 += f64::from(event.outcome == Some(Outcome::NotFound));
        if let (Some(actor), Some(parcel), Some(_)) = (
            event.actor.as_deref(),
            event.shipment.as_deref(),
            &event.seller,
        ) {
            *looks.entry(parcel).or_default() += 1;
            parcels_of.entry(actor).or_default().insert(parcel);
        }
    }
    assert!(parcels_of.values().all(|parcels| parcels.len() == 1));
    assert!((0.03..0.09).contains(&(counts.1 / counts.0)), "{counts:?}");
    // Of the second day, of which all look-ups have come.
    let day = Settings::MONDAY.day() + 1;
    let accepted: Vec<&str> = (events.iter())
        .filter(|event| is_induction(event) && event.time.day() == day)
        .filter_map(|event| event.shipment.as_deref())
        .collect();
    let tracked = accepted.iter().filter(|parcel| looks.contains_key(*parcel));
    let share = tracked.count() as f64 / accepted.len() as f64;
    assert!((0.9..0.985).contains(&share), "{share}");
}

#[test]
fn only_the_attack_touches_decoys() {
    let settings = eventful(14, Intensity::High);
    let (events, hub) = labelled(settings.clone(), 2);
    let decoys: BTreeSet<String> = hub.decoys().into_iter().collect();
    assert_eq!(decoys.len(), settings.decoys);
    let is_decoy = |event: &Event<'_>| {
        let shipment = event.shipment.as_deref();
        shipment.is_some_and(|shipment| decoys.contains(shipment))
    };
    let episodes = hub.episodes();
    let episode = episodes
        .iter()
        .find(|e| e.scenario == "decoy_record_touched")
        .unwrap();
    let touches: Vec<_> = events.iter().filter(|event| is_decoy(event)).collect();
    assert!(touches.len() >= 10);
    for event in touches {
        assert!(carries(event, &episode.entities[0]));
        assert!(episode.start <= event.time && event.time < episode.end);
    }
    assert!(!run(settings.honest(), 2).any(|event| is_decoy(&event)));
}

#[test]
fn a_walk_goes_from_neighbour_to_neighbour() {
    let settings = eventful(15, Intensity::High).quiet();
    let (events, hub) = labelled(settings, 3);
    let episodes = hub.episodes();
    let walk = episodes
        .iter()
        .find(|e| e.scenario == "id_space_walk")
        .unwrap();
    let ids: BTreeSet<String> = (hub.event_labels())
        .filter(|label| label.episode == walk.id)
        .map(|label| label.id)
        .collect();
    let serials: Vec<i64> = (events.iter())
        .filter(|event| event.id.as_deref().is_some_and(|id| ids.contains(id)))
        .filter_map(|event| event.shipment.as_deref()?.get(2..12)?.parse().ok())
        .collect();
    let mut sorted = serials.clone();
    sorted.sort_unstable();
    let near = sorted
        .windows(2)
        .filter(|pair| pair[1] - pair[0] <= 2)
        .count();
    assert!(
        serials.len() >= 300 && near > serials.len() * 7 / 10,
        "{near}"
    );
}

#[test]
fn usual_recipients_are_known_after_a_day_and_the_new_one_is_new() {
    let settings = eventful(15, Intensity::High).quiet();
    let hub = Hub::new(settings.clone());
    let episodes = hub.episodes();
    let egress = episodes
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
        } else if carries(&event, &egress.entities[0]) {
            assert!(!known.contains_key(&(org, recipient)) && !countries.contains(&country));
        } else if egress.entities.iter().all(|key| !carries(&event, key)) {
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
        pollers: 0,
        parcels_per_day: 3.0,
        reads_per_day: 5.0,
        ..eventful(16, Intensity::Middle)
    };
    let start = settings.start + Span::hours(5);
    let mut hub = Hub::new(Settings { start, ..settings });
    assert_eq!(hub.now(), Settings::MONDAY);
    assert!(hub.episodes().len() <= hub.settings().injections.len());
    for _ in 0..3 * 1_440 {
        hub.next_minute();
    }
}

#[test]
fn the_demo_has_attacks_of_all_its_kinds_after_four_days() {
    let hub = Hub::new(Settings::demo(1));
    let episodes = hub.episodes();
    let attacks = episodes.iter().filter(|e| e.kind == EpisodeKind::Attack);
    let mut scenarios = BTreeSet::new();
    for episode in attacks {
        assert!(episode.start >= Settings::MONDAY + Span::days(4));
        scenarios.insert(episode.scenario.clone());
    }
    assert_eq!(scenarios.len(), 9, "{scenarios:?}");
}
