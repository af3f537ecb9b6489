//! What a group forgets: who was not seen for long, and whom there is no room for; and how many bytes
//! it takes to remember the others.

use super::{Baselines, GroupJudge, JudgedSeries};
use crate::detection::{Plan, Test};
use crate::domain::EventTime;
use crate::score::ScoreSettings;
use crate::score::baseline::{
    CumulativeSeries, FirstSeenSeries, LocationSeries, MixSeries, RareSeries, RateSeries,
    RatioSeries, RegularSeries, SumSeries,
};
use crate::score::recalibration::Recalibration;
use crate::score::windows::Window;

impl GroupJudge {
    /// The first window of a new day: guard bands move on, entities long gone are forgotten.
    pub(super) fn start_day(&mut self, end: EventTime, settings: &ScoreSettings) {
        let day = EventTime(end.0 - 1).day();
        if day == self.day {
            return;
        }
        // Every day that passed moves the band; three empty it.
        let days = day.saturating_sub(self.day).clamp(1, 3);
        self.day = day;
        for series in &mut self.series {
            if let Some(recalibration) = &mut series.recalibration {
                recalibration.next_day();
            }
            for _ in 0..days {
                match &mut series.baselines {
                    Baselines::Rate(rate) => rate.next_day(),
                    Baselines::Sum(sum) => sum.next_day(),
                    Baselines::Ratio(ratio) => ratio.next_day(),
                    Baselines::Mix(mix) => mix.next_day(),
                    Baselines::Location(location) => location.next_day(),
                    Baselines::Cumulative(cumulative) => cumulative.next_day(),
                    Baselines::FirstSeen(edges) => edges.next_day(end),
                    Baselines::Rare(rare) => rare.next_day(),
                    Baselines::Regular(_) | Baselines::Rule(..) => {}
                }
            }
        }
        // An edge that is forgotten would be new again.
        let brief = !self.series.iter().any(|series| {
            matches!(
                series.baselines,
                Baselines::FirstSeen(_) | Baselines::Rare(_)
            )
        });
        let Some(mut marks) = self.entities.remembered(end, settings.forget_after, brief) else {
            return;
        };
        // Who has appeared in a window that is still open is judged when it closes.
        for entity in self.windows.iter().flat_map(Window::touched) {
            marks[*entity as usize] = true;
        }
        self.keep(&marks);
    }

    /// Forgets the entities that are not marked; what they did in open windows becomes that of the
    /// pooled entities of their classes.
    pub(in crate::score) fn evict(&mut self, mut marks: Vec<bool>, now: EventTime) {
        let classes = self.entities.classes();
        let mut loses = vec![false; classes];
        for (entity, is_kept) in self.entities.all().iter().zip(&marks) {
            loses[usize::from(entity.class)] |= !is_kept;
        }
        let pooled: Vec<Option<u32>> = (0..classes)
            .map(|class| loses[class].then(|| self.entities.pooled(class as u8, now)))
            .collect();
        marks.resize(self.entities.len(), true);
        let entities = self.entities.all().iter().zip(&marks);
        let into: Vec<u32> = (0..)
            .zip(entities)
            .map(|(number, (entity, is_kept))| match is_kept {
                true => number,
                false => pooled[usize::from(entity.class)].unwrap_or(number),
            })
            .collect();
        self.windows
            .iter_mut()
            .for_each(|window| window.fold(&into));
        self.keep(&marks);
        let sources = self.entities.sources();
        for series in &mut self.series {
            if let Some(recalibration) = &mut series.recalibration {
                recalibration.forget_rows();
            }
            if let Baselines::FirstSeen(edges) = &mut series.baselines {
                edges.keep_sources(&sources);
            }
        }
    }

    fn keep(&mut self, marks: &[bool]) {
        let mut kept = 0;
        let moved_to: Vec<u32> = marks
            .iter()
            .map(|mark| {
                kept += u32::from(*mark);
                kept.saturating_sub(1)
            })
            .collect();
        self.entities.keep(marks);
        self.windows
            .iter_mut()
            .for_each(|window| window.keep(marks, &moved_to));
        for series in &mut self.series {
            match &mut series.baselines {
                Baselines::Rate(rate) => rate.keep(marks),
                Baselines::Sum(sum) => sum.keep(marks),
                Baselines::Ratio(ratio) => ratio.keep(marks),
                Baselines::Mix(mix) => mix.keep(marks),
                Baselines::Location(location) => location.keep(marks),
                Baselines::Cumulative(cumulative) => cumulative.keep(marks),
                Baselines::Regular(regular) => regular.keep(marks),
                Baselines::FirstSeen(edges) => edges.keep(marks),
                Baselines::Rare(rare) => rare.keep(marks),
                Baselines::Rule(..) => {}
            }
        }
    }

    /// Bytes of all entities, by what they hold.
    pub(in crate::score) fn held_bytes(&self, plan: &Plan) -> usize {
        let of_series = |series: &JudgedSeries| {
            let test = &plan.detections[plan.series[series.id].detection].test;
            let more = match &series.baselines {
                Baselines::Mix(mix) => mix.categories_held_bytes(),
                Baselines::FirstSeen(edges) => edges.sources_held_bytes(),
                _ => 0,
            };
            self.entities.len() * row_bytes(test) + more
        };
        self.entities.held_bytes()
            + self.windows.iter().map(Window::held_bytes).sum::<usize>()
            + self.series.iter().map(of_series).sum::<usize>()
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        let of_recalibration = |series: &JudgedSeries| {
            let recalibration = series.recalibration.as_ref();
            recalibration.map_or(0, Recalibration::bytes)
        };
        let baselines = |series: &JudgedSeries| match &series.baselines {
            Baselines::Rate(rate) => rate.bytes(),
            Baselines::Sum(sum) => sum.bytes(),
            Baselines::Ratio(ratio) => ratio.bytes(),
            Baselines::Mix(mix) => mix.bytes(),
            Baselines::Location(location) => location.bytes(),
            Baselines::Cumulative(cumulative) => cumulative.bytes(),
            Baselines::Regular(regular) => regular.bytes(),
            Baselines::FirstSeen(edges) => edges.bytes(),
            Baselines::Rare(rare) => rare.bytes(),
            Baselines::Rule(..) => 0,
        };
        self.entities.bytes()
            + self.windows.iter().map(Window::bytes).sum::<usize>()
            + self.series.iter().map(baselines).sum::<usize>()
            + self.series.iter().map(of_recalibration).sum::<usize>()
    }
}

/// Bytes of a baseline of this test.
pub(in crate::score) fn row_bytes(test: &Test) -> usize {
    match test {
        Test::Rate(_) => RateSeries::ROW_BYTES,
        Test::Sum => SumSeries::ROW_BYTES,
        Test::Ratio { .. } => RatioSeries::ROW_BYTES,
        Test::Mix { .. } => MixSeries::ROW_BYTES,
        Test::Location { .. } => LocationSeries::ROW_BYTES,
        Test::Cumulative(_) => CumulativeSeries::ROW_BYTES,
        Test::Regular => RegularSeries::ROW_BYTES,
        Test::FirstSeen => FirstSeenSeries::ROW_BYTES,
        Test::Rare => RareSeries::ROW_BYTES,
        Test::Rule { .. } => 0,
    }
}
