//! Deliberate defects, to show that the simulation notices them (`tests/simulation/bite.sh`).
//!
//! They exist only with the feature `defects`, which nothing but that script turns on and with which the PHP module refuses to be
//! built. Even then at most one is there at a time: the one that the environment variable `CIVISHARE_DEFECT` names.

/// What can be broken on purpose. Each stands in one place of the code, which asks [`is`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Delivery: an answer counts although nobody has signed it.
    UnsignedAnswer,
    /// Delivery: of a message that is halved, the second half is forgotten.
    HalfForgotten,
    /// Intake: of several changes of one entity in a message only the last is kept.
    OnlyTheLast,
    /// Store: changes of one entity are claimed in any order.
    EntityOrder,
    /// Store: a change that has to be tried again leaves the inbox as if it were done.
    RetryForgotten,
    /// Versions: of two readings of one millisecond no node's is the higher.
    NoTieBreak,
    /// Causality: what came last wins, whatever its version.
    LastArrivalWins,
    /// Causality: a new version need not exceed those that are held.
    FloorForgotten,
    /// Causality: a deletion leaves no tombstone.
    TombstoneForgotten,
    /// Causality: the survivor of a merge does not learn the UIDs of what it took in.
    MergedUidForgotten,
    /// Causality: what is received is passed on with a version of one's own.
    ForwardedAnew,
    /// Causality: a reading from the future is taken at once.
    FutureTaken,
    /// Causality: whom a filter lets out again is told what is edited from then on, and not what was missed.
    LeftForgotten,
    /// Causality: what a merge brings back to life is not told anew to those who deleted it.
    RevivedUntold,
}

/// Whether this defect is the one that is there.
#[cfg(not(feature = "defects"))]
pub(crate) const fn is(_: Defect) -> bool {
    false
}

/// Whether this defect is the one that is there.
#[cfg(feature = "defects")]
pub(crate) fn is(defect: Defect) -> bool {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let name = NAME.get_or_init(|| std::env::var("CIVISHARE_DEFECT").unwrap_or_default());
    *name == format!("{defect:?}")
}
