//! Where what stage 1 seals goes.

use crate::engine::spread::Frontier;
use crate::engine::{Back, Pipeline, PipelineError, Step};
use std::time::Instant;

/// Takes the steps of stage 1.
pub trait Outlet {
    /// What there is once everything is taken.
    type Rest;
    /// Why nothing more can be taken.
    type Error;

    /// Takes a step, and by being slow slows down reading.
    ///
    /// # Errors
    /// Where nothing more can be taken.
    fn send(&mut self, step: Step) -> Result<(), Self::Error>;

    /// What is due a few times a second.
    ///
    /// # Errors
    /// Where nothing more can be taken.
    fn keep_house(&mut self, _now: Instant) -> Result<(), Self::Error> {
        Ok(())
    }

    /// How far all partitions have come, where others are read elsewhere.
    fn frontier(&self) -> Option<Frontier> {
        None
    }

    /// Nothing more will come.
    ///
    /// # Errors
    /// Where not everything could be taken.
    fn finish(self) -> Result<Self::Rest, Self::Error>;
}

impl Outlet for Pipeline {
    type Rest = Back;
    type Error = PipelineError;

    fn send(&mut self, step: Step) -> Result<(), PipelineError> {
        Pipeline::send(self, step)
    }

    fn finish(self) -> Result<Back, PipelineError> {
        Pipeline::finish(self)
    }
}
