//! What a window operator computes: its calls, the frames they share, and the measures (prefix sums, trees) that a
//! partition must keep for them.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::accumulator::AggregateKind;
use crate::interval::is_interval;
use crate::sums::SumClass;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameUnit {
    Rows,
    Range,
    /// Rows with equal keys count as one.
    Groups,
}

/// Rows of a frame that are left out: peers are rows with equal keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exclude {
    #[default]
    NoOthers,
    CurrentRow,
    /// The current row and its peers.
    Group,
    /// The peers of the current row.
    Ties,
}

/// Offsets are not negative: rows, or differences of integer order keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(i64),
    CurrentRow,
    Following(i64),
    UnboundedFollowing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub unit: FrameUnit,
    pub start: FrameBound,
    pub end: FrameBound,
    pub exclude: Exclude,
}

/// `input` is an index of the columns that the caller has computed for its calls. FILTER is the caller's: it gives
/// an input that is NULL where the filter is not true (COUNT(*) with a filter is a count of such a column).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    RowNumber,
    Rank,
    DenseRank,
    Lag {
        input: usize,
        offset: u32,
    },
    Lead {
        input: usize,
        offset: u32,
    },
    FirstValue {
        input: usize,
    },
    LastValue {
        input: usize,
    },
    /// `n` counts from 1.
    NthValue {
        input: usize,
        n: u32,
        from_last: bool,
        ignore_nulls: bool,
    },
    Aggregate {
        function: AggregateKind,
        input: Option<usize>,
    },
}

#[derive(Debug, Clone)]
pub struct WindowCall {
    pub kind: WindowKind,
    pub frame: Frame,
    pub output: DataType,
    /// Of LAG, LEAD and NTH_VALUE: one value, for rows without such a neighbour.
    pub default: Option<ArrayRef>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MeasureKind {
    /// Non-null values so far.
    Count,
    Sum(SumClass),
    Least,
    Greatest,
    /// Different order keys so far.
    Peers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measure {
    pub kind: MeasureKind,
    pub input: usize,
}

/// A call with its frame and measure resolved to indexes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    RowNumber,
    Rank,
    DenseRank {
        measure: usize,
    },
    Neighbour {
        offset: i64,
    },
    First {
        frame: usize,
    },
    Last {
        frame: usize,
    },
    /// The measure counts values that are not NULL; without it all rows count.
    Nth {
        frame: usize,
        n: usize,
        from_last: bool,
        measure: Option<usize>,
    },
    CountRows {
        frame: usize,
    },
    Count {
        frame: usize,
        measure: usize,
    },
    Sum {
        frame: usize,
        measure: usize,
    },
    Extreme {
        frame: usize,
        measure: usize,
    },
    Fold {
        frame: usize,
        input: usize,
        kind: AggregateKind,
    },
}

/// How far a change is felt: `rows_back` rows after it look back to it, and so on. `usize::MAX` is all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reach {
    pub rows_back: usize,
    pub rows_ahead: usize,
    pub range: Option<(i64, i64)>,
}

#[derive(Debug)]
pub struct WindowPlan {
    pub(crate) calls: Vec<WindowCall>,
    pub(crate) steps: Vec<Step>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) measures: Vec<Measure>,
    pub(crate) reach: Reach,
    pub(crate) input_types: Vec<DataType>,
    tie_sensitive: bool,
}

impl WindowPlan {
    pub fn new(calls: Vec<WindowCall>, input_types: Vec<DataType>) -> Result<Self> {
        let mut plan = Self {
            calls: Vec::new(),
            steps: Vec::new(),
            frames: Vec::new(),
            measures: Vec::new(),
            reach: Reach::default(),
            input_types,
            tie_sensitive: false,
        };
        for call in &calls {
            let step = plan.step(call)?;
            plan.steps.push(step);
        }
        plan.calls = calls;
        Ok(plan)
    }

    /// Whether some result depends on the order of rows with equal keys.
    pub fn tie_sensitive(&self) -> bool {
        self.tie_sensitive
    }

    /// Whether a row can change the results of rows before it.
    pub fn looks_ahead(&self) -> bool {
        self.reach.rows_ahead > 0 || self.reach.range.is_some_and(|(_, ahead)| ahead > 0)
    }

    pub fn output_types(&self) -> Vec<DataType> {
        self.calls.iter().map(|c| c.output.clone()).collect()
    }

    fn step(&mut self, call: &WindowCall) -> Result<Step> {
        Ok(match call.kind {
            WindowKind::RowNumber => {
                self.tie_sensitive = true;
                self.reach.rows_back = usize::MAX;
                Step::RowNumber
            }
            WindowKind::Rank => {
                self.reach.rows_back = usize::MAX;
                Step::Rank
            }
            WindowKind::DenseRank => {
                self.reach.rows_back = usize::MAX;
                Step::DenseRank { measure: self.measure(MeasureKind::Peers, 0) }
            }
            WindowKind::Lag { offset, .. } => {
                self.tie_sensitive = true;
                self.reach.rows_back = self.reach.rows_back.max(offset as usize);
                Step::Neighbour { offset: -i64::from(offset) }
            }
            WindowKind::Lead { offset, .. } => {
                self.tie_sensitive = true;
                self.reach.rows_ahead = self.reach.rows_ahead.max(offset as usize);
                Step::Neighbour { offset: i64::from(offset) }
            }
            WindowKind::FirstValue { .. } => {
                self.tie_sensitive = true;
                Step::First { frame: self.frame(call.frame) }
            }
            WindowKind::LastValue { .. } => {
                self.tie_sensitive = true;
                Step::Last { frame: self.frame(call.frame) }
            }
            WindowKind::NthValue { input, n, from_last, ignore_nulls } => {
                self.tie_sensitive = true;
                let measure = ignore_nulls.then(|| self.measure(MeasureKind::Count, input));
                Step::Nth { frame: self.frame(call.frame), n: n as usize, from_last, measure }
            }
            WindowKind::Aggregate { function, input } => {
                let whole = (FrameBound::UnboundedPreceding, FrameBound::UnboundedFollowing);
                self.tie_sensitive |= call.frame.unit == FrameUnit::Rows && (call.frame.start, call.frame.end) != whole;
                self.tie_sensitive |= function == AggregateKind::Collect;
                let frame = self.frame(call.frame);
                self.aggregate(function, input, frame)?
            }
        })
    }

    fn aggregate(&mut self, function: AggregateKind, input: Option<usize>, frame: usize) -> Result<Step> {
        let Some(input) = input else {
            return match function {
                AggregateKind::CountStar => Ok(Step::CountRows { frame }),
                other => Err(Error::internal(format!("{other:?} without an argument"))),
            };
        };
        Ok(match function {
            AggregateKind::CountStar => Step::CountRows { frame },
            AggregateKind::Count => {
                // Sums count their values too.
                let shared =
                    |m: &Measure| m.input == input && matches!(m.kind, MeasureKind::Count | MeasureKind::Sum(_));
                let found = self.measures.iter().position(shared);
                let measure = found.unwrap_or_else(|| self.measure(MeasureKind::Count, input));
                Step::Count { frame, measure }
            }
            AggregateKind::BitAnd
            | AggregateKind::BitOr
            | AggregateKind::BitXor
            | AggregateKind::VarPop
            | AggregateKind::VarSamp
            | AggregateKind::StddevPop
            | AggregateKind::StddevSamp
            | AggregateKind::Moments
            | AggregateKind::Collect => Step::Fold { frame, input, kind: function },
            AggregateKind::Sum if is_interval(&self.input_types[input]) => Step::Fold { frame, input, kind: function },
            AggregateKind::Sum | AggregateKind::Avg => {
                let class = SumClass::of(&self.input_types[input])?;
                if class == SumClass::Float && self.frames[frame].exclude != Exclude::NoOthers {
                    return Ok(Step::Fold { frame, input, kind: function });
                }
                Step::Sum { frame, measure: self.measure(MeasureKind::Sum(class), input) }
            }
            AggregateKind::Min | AggregateKind::BoolAnd => {
                Step::Extreme { frame, measure: self.measure(MeasureKind::Least, input) }
            }
            AggregateKind::Max | AggregateKind::BoolOr => {
                Step::Extreme { frame, measure: self.measure(MeasureKind::Greatest, input) }
            }
        })
    }

    fn measure(&mut self, kind: MeasureKind, input: usize) -> usize {
        let measure = Measure { kind, input };
        self.measures.iter().position(|&m| m == measure).unwrap_or_else(|| {
            self.measures.push(measure);
            self.measures.len() - 1
        })
    }

    fn frame(&mut self, frame: Frame) -> usize {
        let (back, back_all) = match frame.start {
            FrameBound::UnboundedPreceding => (0, true),
            FrameBound::Preceding(n) => (n, false),
            _ => (0, false),
        };
        let (ahead, ahead_all) = match frame.end {
            FrameBound::UnboundedFollowing => (0, true),
            FrameBound::Following(n) => (n, false),
            _ => (0, false),
        };
        let rows = |n: i64, all: bool| if all { usize::MAX } else { usize::try_from(n).unwrap_or(usize::MAX) };
        if frame.unit == FrameUnit::Rows || back_all {
            self.reach.rows_back = self.reach.rows_back.max(rows(back, back_all));
        }
        if frame.unit == FrameUnit::Rows || ahead_all {
            self.reach.rows_ahead = self.reach.rows_ahead.max(rows(ahead, ahead_all));
        }
        if frame.unit == FrameUnit::Groups {
            self.measure(MeasureKind::Peers, 0);
            // Groups may have any number of rows.
            if back > 0 {
                self.reach.rows_back = usize::MAX;
            }
            if ahead > 0 {
                self.reach.rows_ahead = usize::MAX;
            }
            let (b, a) = self.reach.range.unwrap_or((0, 0));
            self.reach.range = Some((b, a));
        }
        if frame.unit == FrameUnit::Range {
            let (b, a) = self.reach.range.unwrap_or((0, 0));
            self.reach.range = Some((b.max(back), a.max(ahead)));
        }
        self.frames.iter().position(|&f| f == frame).unwrap_or_else(|| {
            self.frames.push(frame);
            self.frames.len() - 1
        })
    }
}
