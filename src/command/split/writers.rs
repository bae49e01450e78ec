//! Who takes writes of what moves, and what can be done then: as the phase, the fences on both sides and the host's record say.

use serde::Serialize;

use super::phase::Phase;
use super::state::Trust;

/// Which database takes writes of what moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Writers {
    Old,
    New,
    Neither,
    /// A fence was taken down by somebody.
    Both,
    /// The old database was not looked at, and the record does not say it.
    Unknown,
}

/// What stands around the tables of this split at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    Open,
    /// For as long as somebody's run lives.
    Held,
    Sealed,
}

/// A command of this split works at this moment, and no other can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    Yes,
    No,
}

/// Whether the new database has every table that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Yes,
    No,
}

/// Whether each end is where this host knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Original {
    Likely,
    /// It looks like a copy: every verb wants to hear first that it is none.
    Doubted,
}

/// What is seen of a split.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub phase: Phase,
    /// None where the old database was not looked at.
    pub old: Option<Barrier>,
    pub new: Barrier,
    pub under_way: UnderWay,
    pub moved: Whole,
    pub place: Original,
    pub trust: Trust,
}

impl Seen {
    pub fn writers(&self) -> Writers {
        let new_is_open = self.new == Barrier::Open;
        let old_is_open = self.old.map(|old| old == Barrier::Open);
        let is_sealed = self.old == Some(Barrier::Sealed);
        match (self.phase, old_is_open, new_is_open) {
            // From the seal on the copy is what counts, and files may name it; a kill may have come between the seal and its record.
            (Phase::Proven | Phase::Sealed, Some(false), true) if is_sealed => Writers::New,
            (Phase::Sealed, Some(true), true) => Writers::Both,
            (Phase::Sealed, None, true) => Writers::New,
            // Nobody was sent to the new database yet, and what is written there is lost with the copy.
            (Phase::Created | Phase::Copying | Phase::Proven | Phase::Sealed, Some(true), _) => Writers::Old,
            (Phase::Created | Phase::Copying | Phase::Proven | Phase::Sealed, Some(false), _) => Writers::Neither,
            // A fence that is held does not outlive its run.
            (Phase::Created | Phase::Copying, None, _) if self.under_way == UnderWay::No => Writers::Old,
            (Phase::Created | Phase::Copying | Phase::Proven, None, _) => Writers::Unknown,
            // A rollback that has sealed the new database may have opened the old one.
            (Phase::Sealed | Phase::Switched, None, false) => Writers::Unknown,
            (Phase::Switched, None, true) => Writers::New,
            (Phase::RolledBack, None, false) => Writers::Old,
            (Phase::Switched | Phase::RolledBack, Some(false), true) => Writers::New,
            (Phase::Switched | Phase::RolledBack, Some(false), false) => Writers::Neither,
            (Phase::Switched | Phase::RolledBack, Some(true), false) => Writers::Old,
            (Phase::Switched, Some(true), true) | (Phase::RolledBack, _, true) => Writers::Both,
            // What is left of the old place has other names, or is gone.
            (Phase::Quarantined | Phase::Finished, _, true) => Writers::New,
            (Phase::Quarantined | Phase::Finished, _, false) => Writers::Neither,
        }
    }

    /// Verbs that would not be refused.
    pub fn next(&self) -> &'static [&'static str] {
        if self.under_way == UnderWay::Yes || self.trust == Trust::Unchecked || self.place == Original::Doubted {
            return &[];
        }
        match self.phase {
            Phase::Created | Phase::Copying | Phase::Proven => &["split", "rollback"],
            // Neither a run nor `finish` goes on where the old place may have been written in.
            Phase::Sealed | Phase::Switched if self.old == Some(Barrier::Open) => &["rollback"],
            Phase::Sealed => &["split", "rollback"],
            // A rollback has begun.
            Phase::Switched if self.new != Barrier::Open => &["rollback"],
            // Neither way without `--discard`.
            Phase::Switched | Phase::Quarantined if self.moved == Whole::No => &[],
            Phase::Switched => &["rollback", "finish"],
            Phase::Quarantined => &["finish"],
            Phase::RolledBack | Phase::Finished => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Barrier::{Held, Open, Sealed};
    use super::*;

    fn seen(phase: Phase, old: Option<Barrier>, new: Barrier) -> Seen {
        Seen {
            phase,
            old,
            new,
            under_way: UnderWay::No,
            moved: Whole::Yes,
            place: Original::Likely,
            trust: Trust::Checked,
        }
    }

    #[test]
    fn who_takes_writes_follows_the_fences_and_without_the_old_one_the_record() {
        let cases = [
            (Phase::Copying, Some(Open), Open, Writers::Old),
            (Phase::Copying, Some(Held), Open, Writers::Neither),
            (Phase::Copying, None, Open, Writers::Old),
            (Phase::Proven, Some(Open), Open, Writers::Old),
            (Phase::Proven, Some(Held), Open, Writers::Neither),
            (Phase::Proven, Some(Sealed), Open, Writers::New),
            (Phase::Proven, None, Open, Writers::Unknown),
            (Phase::Sealed, Some(Sealed), Open, Writers::New),
            (Phase::Sealed, Some(Sealed), Sealed, Writers::Neither),
            (Phase::Sealed, Some(Open), Open, Writers::Both),
            (Phase::Sealed, None, Open, Writers::New),
            (Phase::Sealed, None, Sealed, Writers::Unknown),
            (Phase::Sealed, Some(Open), Sealed, Writers::Old),
            (Phase::Switched, Some(Sealed), Open, Writers::New),
            (Phase::Switched, None, Open, Writers::New),
            // A rollback that ended half-way.
            (Phase::Switched, Some(Sealed), Sealed, Writers::Neither),
            (Phase::Switched, Some(Open), Sealed, Writers::Old),
            (Phase::Switched, None, Sealed, Writers::Unknown),
            (Phase::Switched, Some(Open), Open, Writers::Both),
            (Phase::RolledBack, Some(Open), Sealed, Writers::Old),
            (Phase::RolledBack, None, Sealed, Writers::Old),
            (Phase::Quarantined, Some(Sealed), Open, Writers::New),
            (Phase::Finished, None, Open, Writers::New),
        ];
        for (phase, old, new, expected) in cases {
            assert_eq!(seen(phase, old, new).writers(), expected, "{phase}, {old:?}, {new:?}");
        }
        let running = Seen { under_way: UnderWay::Yes, ..seen(Phase::Copying, None, Open) };
        assert_eq!(running.writers(), Writers::Unknown);
    }

    #[test]
    fn what_would_be_refused_is_not_next() {
        let switched = seen(Phase::Switched, Some(Sealed), Open);
        assert_eq!(switched.next(), ["rollback", "finish"]);
        for refuses_finish in [
            seen(Phase::Switched, Some(Open), Open),
            seen(Phase::Switched, Some(Sealed), Sealed),
            seen(Phase::Switched, None, Sealed),
        ] {
            assert_eq!(refuses_finish.next(), ["rollback"], "{refuses_finish:?}");
        }
        assert_eq!(seen(Phase::Sealed, Some(Open), Open).next(), ["rollback"]);
        assert_eq!(seen(Phase::Sealed, Some(Sealed), Open).next(), ["split", "rollback"]);
        assert!(Seen { under_way: UnderWay::Yes, ..switched }.next().is_empty());
        assert!(Seen { trust: Trust::Unchecked, ..switched }.next().is_empty());
        assert!(Seen { moved: Whole::No, ..switched }.next().is_empty());
        assert!(Seen { place: Original::Doubted, ..switched }.next().is_empty());
    }
}
