//! Baselines against streams whose truth is known.

mod null;

use super::baseline::{
    CumulativeSeries, FirstSeenSeries, Learning, RareSeries, RateSeries, RatioSeries, RuleSeries,
};
use super::entities::{Entity, POOLS};
use crate::detection::Direction;
use crate::domain::{EntityKey, EventTime, Span};
use crate::statistics::{PValue, Tail};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Gamma, Poisson};
use rand_pcg::Pcg64;

const START: EventTime = EventTime(1_767_571_200_000);
const HALF_LIFE: Span = Span::days(14);

fn entities(number: usize) -> Vec<Entity> {
    (0..number)
        .map(|n| Entity {
            key: EntityKey::new(format!("entity-{n:04}")),
            class: 0,
            classed: START,
            pool: (n % POOLS) as u8,
            first_seen: START,
            last_seen: START,
            unlikely: EventTime::MIN,
            is_pooled: false,
        })
        .collect()
}

/// Counts of entities whose rates differ, vary by `cv` from window to window, and follow the
/// hour of the day.
struct Traffic {
    rates: Vec<f64>,
    cv: f64,
    rng: Pcg64,
}

impl Traffic {
    fn new(entities: usize, cv: f64, seed: u64) -> Traffic {
        let mut rng = Pcg64::seed_from_u64(seed);
        let sizes = Gamma::new(1.5, 20.0).unwrap();
        let rates = (0..entities)
            .map(|_| 1.0 + sizes.sample(&mut rng))
            .collect();
        Traffic { rates, cv, rng }
    }

    fn season(hour: i64) -> f64 {
        1.0 + 0.8 * (std::f64::consts::TAU * hour as f64 / 24.0).sin()
    }

    fn hour(&mut self, hour: i64, factor: f64) -> Vec<u64> {
        let noise = Gamma::new(1.0 / self.cv.powi(2), self.cv.powi(2)).unwrap();
        let rng = &mut self.rng;
        self.rates
            .iter()
            .map(|rate| {
                let mean = rate * Traffic::season(hour) * factor * noise.sample(rng);
                Poisson::new(mean.max(1e-9)).unwrap().sample(rng) as u64
            })
            .collect()
    }
}

/// Counts by the hour, nothing known.
fn hourly(direction: Direction) -> RateSeries {
    RateSeries::new(direction, Span::HOUR, Learning::new(Span::HOUR, HALF_LIFE))
}

/// One hour judged: what was expected and how unlikely the count was, per entity.
fn judge(
    series: &mut RateSeries,
    all: &[Entity],
    observed: &[u64],
    hour: i64,
) -> Vec<Option<(f64, Tail)>> {
    if hour % 24 == 0 {
        series.next_day();
    }
    let mut judged = vec![None; all.len()];
    let start = START + Span::hours(hour);
    series.judge(all, 1, observed, start, |row, forecast, tail| {
        judged[row] = tail.map(|tail| (forecast.law.mean(), tail));
        1.0
    });
    judged
}

fn taught(direction: Direction, traffic: &mut Traffic, all: &[Entity], hours: i64) -> RateSeries {
    let mut series = hourly(direction);
    for hour in 0..hours {
        let observed = traffic.hour(hour, 1.0);
        judge(&mut series, all, &observed, hour);
    }
    series
}

/// 1 for who was not tested.
fn p_of(judged: &[Option<(f64, Tail)>], row: usize) -> f64 {
    judged[row].map_or(1.0, |(_, tail)| tail.p().get())
}

/// Days until a count that grows by so much a day is told of, and by what factor the baseline has
/// grown by then.
fn days_of_growth(growth: f64, most: i32, seed: u64) -> (i32, f64) {
    const DAYS: i32 = 42;
    let (all, mut traffic) = (entities(60), Traffic::new(60, 0.3, seed));
    traffic.rates.fill(50.0);
    let learning = Learning::new(Span::DAY, HALF_LIFE);
    let mut series = CumulativeSeries::new(Direction::Up, Span::DAY, learning);
    for day in 0..DAYS + most {
        let since = (day - DAYS).max(0);
        traffic.rates[7] = 50.0 * growth.powi(since);
        // The same hour of every day.
        let observed = traffic.hour(0, 1.0);
        let mut told = None;
        series.next_day();
        let start = START + Span::days(day.into());
        series.judge(&all, 1, &observed, start, |row, judged| {
            if row == 7 && judged.tail.p().get() < 1e-5 {
                told = Some(judged.expected);
            }
        });
        if let Some(expected) = told {
            assert!(since > 0, "told of before anything grew");
            return (since, expected / 50.0);
        }
    }
    (most, f64::INFINITY)
}

#[test]
fn a_slow_ramp_is_found_before_its_baseline_has_doubled() {
    for seed in 0..5 {
        let (days, factor) = days_of_growth(1.02, 120, seed);
        assert!(days <= 60 && factor < 2.0, "{days} days, ×{factor}");
    }
}

#[test]
fn what_an_honest_business_grows_is_no_ramp() {
    for seed in 0..5 {
        // A tenth in a month.
        let (days, _) = days_of_growth(1.0032, 90, seed);
        assert_eq!(days, 90);
    }
}

#[test]
fn a_silence_adds_up_and_a_surge_does_not_where_it_looks_down() {
    const WINDOW: Span = Span::hours(6);
    let (all, mut traffic) = (entities(60), Traffic::new(60, 0.3, 14));
    traffic.rates.fill(8.0);
    let learning = Learning::new(WINDOW, HALF_LIFE);
    let mut series = CumulativeSeries::new(Direction::Down, WINDOW, learning);
    let mut told = vec![PValue::ONE; all.len()];
    for window in 0..4 * 24 {
        let hour = 6 * window;
        let mut observed = traffic.hour(hour, 1.0);
        // From an evening on, for a day and a half.
        if window >= 4 * 24 - 7 {
            observed[7] /= 8;
            observed[8] *= 3;
        }
        if hour % 24 == 0 {
            series.next_day();
        }
        let start = START + Span::hours(hour);
        series.judge(&all, 1, &observed, start, |row, judged| {
            told[row] = told[row].min(judged.tail.p());
        });
    }
    assert!(told[7].get() < 1e-5, "{:?}", told[7]);
    let others = (0..all.len()).filter(|row| *row != 7);
    let least = others.map(|row| told[row]).min().unwrap();
    assert!(least.get() > 1e-4, "{least:?}");
}

const WEEKS: i64 = 3 * 168;

#[test]
fn a_baseline_is_mature_after_a_week_of_windows_however_loud_the_first_one_was() {
    let (all, mut traffic) = (entities(40), Traffic::new(40, 0.3, 15));
    let mut series = hourly(Direction::Up);
    let mut settled = vec![0.0; all.len()];
    for hour in 0..24 * 14 {
        let observed = traffic.hour(hour, if hour == 0 { 20.0 } else { 1.0 });
        if hour % 24 == 0 {
            series.next_day();
        }
        let start = START + Span::hours(hour);
        series.judge(&all, 1, &observed, start, |row, forecast, _| {
            settled[row] = forecast.settled;
            1.0
        });
        // A week, and the two days of the guard band.
        let young = settled.iter().all(|settled| *settled < 1.0);
        assert!(hour > 24 * 9 || young, "{hour}: {settled:?}");
    }
    assert!(settled.iter().all(|settled| *settled == 1.0), "{settled:?}");
}

#[test]
fn an_entity_that_stops_is_unlikely_while_it_is_silent() {
    let (all, mut traffic) = (entities(80), Traffic::new(80, 0.2, 6));
    traffic.rates[7] = 60.0;
    let mut series = taught(Direction::Both, &mut traffic, &all, WEEKS);
    let mut observed = traffic.hour(WEEKS + 6, 1.0);
    observed[7] = 0;
    let judged = judge(&mut series, &all, &observed, WEEKS + 6);
    assert!(p_of(&judged, 7) < 1e-8, "{:?}", judged[7]);
}

#[test]
fn only_who_came_is_tested_for_too_much() {
    let all = entities(40);
    let mut traffic = Traffic::new(40, 0.3, 31);
    let mut series = taught(Direction::Up, &mut traffic, &all, 100);
    let mut observed = traffic.hour(100, 1.0);
    observed[..20].fill(0);
    observed[20..].fill(1);
    let judged = judge(&mut series, &all, &observed, 100);
    assert!(judged[..20].iter().all(Option::is_none));
    // One is the least there can be of who came: no news.
    assert!((20..40).all(|row| p_of(&judged, row) > 1.0 - 1e-9));
}

#[test]
fn who_fetches_every_six_hours_is_known_on_the_second_day() {
    let all = entities(60);
    let mut series = hourly(Direction::Up);
    let mut ps = Vec::new();
    for hour in 0..48 {
        // The same at every hour: the class has no season.
        let usual = |row: usize| 2 + (row as u64 + hour as u64) % 3;
        let mut observed: Vec<u64> = (0..all.len()).map(usual).collect();
        observed[0] = if hour % 6 == 3 { 75 } else { 0 };
        // Another does so once, in the evening.
        observed[1] = if hour == 45 { 75 } else { observed[1] };
        let judged = judge(&mut series, &all, &observed, hour);
        if hour % 6 == 3 {
            ps.push((p_of(&judged, 0), p_of(&judged, 1)));
        }
    }
    // On the first day only its class says what such an hour is like.
    assert!(ps.iter().all(|(known, _)| *known > 1e-3), "{ps:?}");
    let (known, new) = ps[7];
    assert!(known > 1e-2, "{ps:?}");
    assert!(new < 1e-3, "{ps:?}");
}

#[test]
fn a_known_peak_comes_as_often_as_its_p_value_says_among_the_hours_in_which_one_came() {
    let all = entities(60);
    let mut series = hourly(Direction::Up);
    let mut last = Vec::new();
    for hour in 0..24 * 15 {
        let usual = |row: usize| 2 + (row as u64 + hour as u64) % 3;
        let mut observed: Vec<u64> = (0..all.len()).map(usual).collect();
        // Row 0 does nothing but fetch; row 1 fetches once among the twelve hours of its day.
        observed[0] = if hour % 6 == 3 { 75 } else { 0 };
        observed[1] = match hour % 24 {
            9 => 75,
            6..18 => observed[1],
            _ => 0,
        };
        let judged = judge(&mut series, &all, &observed, hour);
        if hour % 24 == 9 {
            last = judged;
        }
    }
    assert!(p_of(&last, 0) > 0.7, "{:?}", last[0]);
    let once = p_of(&last, 1);
    assert!((0.05..0.15).contains(&once), "{once}");
    // All that is known of it is that it comes so often.
    let (_, tail) = last[1].unwrap();
    assert!(
        (tail.chance_below(0.01) - 0.01 / once).abs() < 1e-9,
        "{tail:?}"
    );
}

#[test]
fn the_first_morning_is_nobodys_alarm() {
    let all = entities(30);
    let mut series = hourly(Direction::Up);
    let mut rng = Pcg64::seed_from_u64(12);
    for hour in 0..24 {
        // A third of them look in once at night; in the day all work, each at a pace of its own.
        let at_work = (8..18).contains(&hour);
        let observed: Vec<u64> = (0..30)
            .map(|row| match at_work {
                true => 10 * (1 + row % 3) + rng.random_range(0..10),
                false => u64::from(row % 3 == 0 && rng.random::<f64>() < 0.3),
            })
            .collect();
        let judged = judge(&mut series, &all, &observed, hour);
        let least = (0..30).map(|row| p_of(&judged, row)).fold(1.0, f64::min);
        assert!(least > 1e-3, "{hour}: {least}");
    }
}

#[test]
fn a_peak_for_everybody_is_nobodys_and_hides_nobody() {
    let (all, mut traffic) = (entities(200), Traffic::new(200, 0.2, 7));
    traffic.rates[7] = 40.0;
    let mut series = taught(Direction::Up, &mut traffic, &all, WEEKS);
    let mut unlikely = 0;
    for hour in WEEKS..WEEKS + 24 {
        let mut observed = traffic.hour(hour, 1.87);
        if hour == WEEKS + 6 {
            observed[7] *= 5;
        }
        let judged = judge(&mut series, &all, &observed, hour);
        for row in 0..all.len() {
            match (hour - WEEKS, row) {
                (6, 7) => assert!(p_of(&judged, 7) < 1e-6, "{:?}", judged[7]),
                _ => unlikely += u32::from(p_of(&judged, row) < 1e-4),
            }
        }
    }
    // 4,800 tests: half a one is due.
    assert!(unlikely <= 4, "{unlikely}");
}

#[test]
fn a_burst_of_two_days_is_not_learnt_as_normal() {
    let (all, mut traffic) = (entities(80), Traffic::new(80, 0.2, 8));
    traffic.rates[7] = 40.0;
    let mut series = taught(Direction::Up, &mut traffic, &all, WEEKS);
    for hour in WEEKS..WEEKS + 48 {
        let mut observed = traffic.hour(hour, 1.0);
        observed[7] *= 10;
        let judged = judge(&mut series, &all, &observed, hour);
        assert!(p_of(&judged, 7) < 1e-6, "hour {hour}: {:?}", judged[7]);
    }
    // A week later it is what it was.
    for hour in WEEKS + 48..WEEKS + 216 {
        let observed = traffic.hour(hour, 1.0);
        judge(&mut series, &all, &observed, hour);
    }
    let observed = traffic.hour(WEEKS + 216, 1.0);
    let judged = judge(&mut series, &all, &observed, WEEKS + 216);
    let expected = judged[7].unwrap().0 / (40.0 * Traffic::season(WEEKS + 216));
    assert!((0.7..1.6).contains(&expected), "{expected}");
}

#[test]
fn the_hour_of_the_day_is_followed() {
    let (all, mut traffic) = (entities(120), Traffic::new(120, 0.2, 9));
    traffic.rates[7] = 100.0;
    let mut series = taught(Direction::Up, &mut traffic, &all, WEEKS);
    for hour in WEEKS..WEEKS + 24 {
        let observed = traffic.hour(hour, 1.0);
        let judged = judge(&mut series, &all, &observed, hour);
        let ratio = judged[7].unwrap().0 / (100.0 * Traffic::season(hour));
        assert!((0.75..1.33).contains(&ratio), "hour {hour}: {ratio}");
    }
}

#[test]
fn a_newborn_is_judged_by_its_class_from_its_first_window() {
    let mut traffic = Traffic::new(100, 0.2, 10);
    let mut all = entities(100);
    let mut series = taught(Direction::Up, &mut traffic, &all, WEEKS);
    for key in ["usual", "huge"] {
        let mut entity = entities(1).remove(0);
        entity.key = EntityKey::new(key);
        all.push(entity);
    }
    let mut observed = traffic.hour(WEEKS + 6, 1.0);
    observed.extend([40, 5_000]);
    let judged = judge(&mut series, &all, &observed, WEEKS + 6);
    assert!(p_of(&judged, 100) > 1e-3, "{:?}", judged[100]);
    assert!(p_of(&judged, 101) < 1e-6, "{:?}", judged[101]);
}

#[test]
fn nothing_is_said_before_anything_is_known() {
    let all = entities(3);
    let mut series = hourly(Direction::Up);
    let judged = judge(&mut series, &all, &[5, 900, 2], 0);
    assert!(judged.iter().all(Option::is_none), "{judged:?}");
}

#[test]
fn a_share_that_jumps_is_unlikely_and_one_of_few_trials_is_not_judged() {
    let all = entities(60);
    let mut series = RatioSeries::new(50, Learning::new(Span::HOUR, HALF_LIFE));
    let mut judged = vec![None; 60];
    let mut window = |odd: (usize, u64, u64)| {
        let appeared: Vec<_> = (0..60)
            .map(|row| {
                if row == odd.0 {
                    odd
                } else {
                    (row, 20 + row as u64 % 7, 100)
                }
            })
            .collect();
        judged.fill(None);
        series.judge(&all, 1, &appeared, |row, one| {
            judged[row] = Some(one.tail.p())
        });
        judged.clone()
    };
    for _ in 0..48 {
        window((7, 22, 100));
    }
    let after = window((7, 95, 100));
    assert!(after[7].unwrap() < PValue::new(1e-6), "{:?}", after[7]);
    assert!(after[8].unwrap() > PValue::new(1e-2));
    assert_eq!(window((7, 40, 40))[7], None);
}

#[test]
fn a_share_that_grows_with_n_is_expected_to_go_on_but_not_without_end() {
    let all = entities(60);
    let mut series = RatioSeries::new(10, Learning::new(Span::DAY, HALF_LIFE));
    let mut rng = Pcg64::seed_from_u64(15);
    // Of n numbers n / 400 have a neighbour among them, and nobody asks for more than 60.
    let mut day = |odd: (usize, u64, u64)| {
        let appeared: Vec<_> = (0..60)
            .map(|row| {
                let n = rng.random_range(12..=60_u64);
                let share = n as f64 / 400.0;
                let hits = (0..n).filter(|_| rng.random::<f64>() < share).count() as u64;
                if row == odd.0 { odd } else { (row, hits, n) }
            })
            .collect();
        let mut judged = (0.0, 1.0);
        series.judge(&all, 1, &appeared, |row, one| {
            if row == odd.0 {
                judged = (one.expected, one.tail.p().get());
            }
        });
        judged
    };
    for _ in 0..30 {
        day((0, 4, 40));
    }
    let (expected, p) = day((7, 28, 110));
    assert!(
        (0.17..0.36).contains(&expected) && p > 0.05,
        "{expected} {p}"
    );
    let (expected, p) = day((8, 3, 20));
    assert!(
        (0.03..0.08).contains(&expected) && p > 0.01,
        "{expected} {p}"
    );
    let (expected, p) = day((9, 900, 1_000));
    assert!(expected < 0.5 && p < 1e-4, "{expected} {p}");
}

#[test]
fn what_many_share_in_one_window_is_no_ones_and_is_not_learnt() {
    let all = entities(60);
    let mut series = RatioSeries::new(10, Learning::new(Span::DAY, HALF_LIFE));
    // One hit in five hundred, and in one window a tenth for each of so many.
    let mut day = 0;
    let mut window = |is_off: fn(usize) -> bool| {
        day += 1;
        let appeared: Vec<_> = (0..60_usize)
            .map(|row| {
                let usual = u64::from((row + 7 * day) % 10 == 0);
                (row, if is_off(row) { 5 } else { usual }, 50)
            })
            .collect();
        let mut judged = vec![1.0; 60];
        series.judge(&all, 1, &appeared, |row, one| {
            judged[row] = one.tail.p().get()
        });
        judged
    };
    for _ in 0..40 {
        window(|_| false);
    }
    let alone = window(|row| row == 0)[0];
    let among_many = window(|row| row % 3 == 1)[1];
    let after = window(|row| row == 2)[2];
    assert!(alone < 1e-3, "{alone}");
    assert!(among_many > 1e-2, "{alone} {among_many}");
    assert!(after < 5.0 * alone, "{alone} {after}");
}

#[test]
fn a_first_contact_is_unlikely_where_contacts_are_few_and_it_carries_much() {
    let edge = |from: &str, to: &str, born: i64| Entity {
        key: EntityKey::new(format!("{from}\u{1f}{to}")),
        class: 0,
        classed: START,
        pool: 0,
        first_seen: START + Span::hours(born),
        last_seen: START + Span::hours(born),
        unlikely: EventTime::MIN,
        is_pooled: false,
    };
    let mut all: Vec<Entity> = (0..20)
        .map(|n| edge(&format!("org-{n}"), "usual", 0))
        .collect();
    let mut series = FirstSeenSeries::new(Span::days(60));
    let mut p = |all: &[Entity], appeared: &[(usize, u64)], hour: i64| {
        let mut judged = vec![None; all.len()];
        let end = START + Span::hours(hour + 1);
        series.judge(all, 1, appeared, end, |row, one| {
            judged[row] = Some(one.tail.p().get())
        });
        judged
    };
    for hour in 0..200 {
        let sizes = |row: usize| 20 + (hour as u64 * 7 + row as u64 * 13) % 60;
        let appeared: Vec<_> = (0..20).map(|row| (row, sizes(row))).collect();
        p(&all, &appeared, hour);
    }
    all.push(edge("org-3", "stranger", 200));
    all.push(edge("org-4", "stranger", 200));
    let judged = p(&all, &[(3, 30), (20, 30), (21, 40_000)], 200);
    assert_eq!(judged[3], Some(1.0));
    let (small, large) = (judged[20].unwrap(), judged[21].unwrap());
    assert!(
        (1e-6..1e-3).contains(&small) && large < 1e-6,
        "{small:e} {large:e}"
    );
    // It stays new for a day, and is known then.
    assert!(p(&all, &[(21, 40_000)], 210)[21].unwrap() < 1e-6);
    assert_eq!(p(&all, &[(21, 40_000)], 240)[21], Some(1.0));
}

#[test]
fn a_rule_that_is_met_often_is_less_unlikely() {
    let mut rule = RuleSeries::default();
    for _ in 0..1_000 {
        rule.judge(0);
    }
    let first = rule.judge(1).p();
    for _ in 0..100 {
        rule.judge(1);
    }
    let later = rule.judge(1).p();
    assert!(
        first < PValue::new(1e-3) && later > PValue::new(0.05),
        "{first:?} {later:?}"
    );
}

fn named(keys: &[&str]) -> Vec<Entity> {
    let entity = |key: &&str| Entity {
        key: EntityKey::new(key),
        class: 0,
        classed: START,
        pool: 0,
        first_seen: START,
        last_seen: START,
        unlikely: EventTime::MIN,
        is_pooled: false,
    };
    keys.iter().map(entity).collect()
}

fn rare_p(series: &mut RareSeries, all: &[Entity], appeared: &[usize]) -> Vec<f64> {
    let mut judged = Vec::new();
    series.judge(all, appeared, |_, one| judged.push(one.tail.p().get()));
    judged
}

#[test]
fn the_p_value_of_rarity_is_the_share_of_contacts_with_those_as_rare() {
    let all = named(&["often", "sometimes", "new"]);
    let mut series = RareSeries::new(Span::days(10_000));
    for window in 0..1_000 {
        let appeared: &[usize] = if window % 100 == 99 { &[0, 1] } else { &[0] };
        rare_p(&mut series, &all, appeared);
    }
    series.next_day();
    series.next_day();
    let p = rare_p(&mut series, &all, &[0, 1, 2]);
    // 1,000 contacts with one and 10 with another; α is what one surprise in 1,000 makes it.
    assert!((p[0] - 1.0).abs() < 1e-3, "{p:?}");
    assert!((0.0099..0.02).contains(&p[1]), "{p:?}");
    assert!((1e-4..1e-3).contains(&p[2]), "{p:?}");
}

#[test]
fn nobody_becomes_usual_within_a_day_nor_a_thousand_names_at_once() {
    let names: Vec<String> = (0..1_002).map(|n| format!("actor-{n}")).collect();
    let all = named(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut series = RareSeries::new(Span::days(14));
    for _ in 0..4 {
        for _ in 0..1_440 {
            rare_p(&mut series, &all, &[0]);
        }
        series.next_day();
    }
    let first = rare_p(&mut series, &all, &[0, 1])[1];
    for _ in 0..1_000 {
        rare_p(&mut series, &all, &[0, 1]);
    }
    let later = rare_p(&mut series, &all, &[0, 1])[1];
    assert!(first < 1e-2 && later < 1e-2, "{first:e} {later:e}");
    // A sweep under invented names: the next invented name is as unlikely as before.
    let sweep: Vec<usize> = (1..1_001).collect();
    rare_p(&mut series, &all, &sweep);
    series.next_day();
    series.next_day();
    let after = rare_p(&mut series, &all, &[1_001])[0];
    assert!(after < 1e-2, "{after:e}");
}

#[test]
fn whom_a_source_turns_to_is_judged_among_its_own_contacts() {
    let all = named(&["a\u{1f}x", "a\u{1f}y", "b\u{1f}x", "b\u{1f}y"]);
    let mut series = RareSeries::new(Span::days(14));
    for _ in 0..500 {
        rare_p(&mut series, &all, &[0, 3]);
    }
    let p = rare_p(&mut series, &all, &[0, 1, 2, 3]);
    assert!(p[0] > 0.9 && p[3] > 0.9, "{p:?}");
    assert!(p[1] < 0.01 && p[2] < 0.01, "{p:?}");
}

/// Hours of a class whose members come for four days, mostly by day, and never again, so that most
/// are gone: how unlikely those were who came, and in which hour.
fn short_lives(days: i64, seed: u64) -> Vec<(i64, Tail)> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut series = hourly(Direction::Up);
    let mut lives: Vec<(i64, f64)> = Vec::new();
    let mut tails = Vec::new();
    let visits = Gamma::new(2.0, 0.5).unwrap();
    for hour in 0..24 * days {
        let (arrivals, visits_an_hour) = match hour % 24 {
            8..18 => (20.0, 0.1),
            _ => (2.0, 0.01),
        };
        let known = lives.len();
        let arrived = Poisson::new(arrivals).unwrap().sample(&mut rng) as usize;
        lives.resize_with(known + arrived, || (hour, visits.sample(&mut rng)));
        let all = entities(lives.len());
        let mut observed = vec![0; all.len()];
        for (row, (born, visits)) in lives.iter().enumerate() {
            let lives = hour - born < 4 * 24;
            if row >= known || lives && rng.random_bool((visits_an_hour * visits).min(1.0)) {
                observed[row] = 1 + Poisson::new(2.0).unwrap().sample(&mut rng) as u64;
            }
        }
        let judged = judge(&mut series, &all, &observed, hour);
        tails.extend(judged.iter().flatten().map(|(_, tail)| (hour, *tail)));
    }
    tails
}

fn times_due<'a>(tails: impl Iterator<Item = &'a (i64, Tail)> + Clone, level: f64) -> f64 {
    let below: f64 = tails
        .clone()
        .map(|(_, tail)| tail.chance_below(level))
        .sum();
    below / (tails.count() as f64 * level)
}

#[test]
fn where_most_are_gone_those_who_still_come_are_as_unlikely_as_they_say() {
    let tails: Vec<(i64, Tail)> = (1..=4).flat_map(|seed| short_lives(21, seed)).collect();
    let late = tails.iter().filter(|(hour, _)| *hour >= 24 * 14);
    for (level, least, most) in [(1e-1, 0.7, 1.3), (1e-2, 0.7, 1.3), (1e-3, 0.4, 2.5)] {
        let times = times_due(late.clone(), level);
        assert!((least..most).contains(&times), "{level}: {times}");
    }
}
