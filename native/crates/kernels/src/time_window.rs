//! TUMBLE and HOP: the windows that hold a time. Windows start at `offset` plus multiples of `slide` and last `size`;
//! all in microseconds.

use millrace_base::{Error, Result, limits};

#[derive(Debug, Default)]
pub struct TimeWindows {
    /// The input row of each output row.
    pub rows: Vec<u32>,
    pub starts: Vec<i64>,
    pub ends: Vec<i64>,
}

/// One output row for each window of each row, earlier windows first. `times` gives None for NULL: in no window.
pub fn assign_windows(
    times: impl Iterator<Item = Option<i64>>,
    size: i64,
    slide: i64,
    offset: i64,
) -> Result<TimeWindows> {
    if size <= 0 || slide <= 0 {
        return Err(Error::internal("a time window without a size"));
    }
    let mut windows = TimeWindows::default();
    windows.rows.reserve(limits::BATCH_ROWS.min(times.size_hint().0));
    let range = || crate::out_of_range("timestamp");
    for (row, time) in times.enumerate() {
        let Some(time) = time else { continue };
        let since = time.checked_sub(offset).ok_or_else(range)?;
        let last = time - since.rem_euclid(slide);
        // The first start after `time - size`, on the grid.
        let steps = (size - 1 - (time - last)).div_euclid(slide);
        for step in (0..=steps).rev() {
            let start = step.checked_mul(slide).and_then(|back| last.checked_sub(back)).ok_or_else(range)?;
            windows.rows.push(row as u32);
            windows.starts.push(start);
            windows.ends.push(start.checked_add(size).ok_or_else(range)?);
        }
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_their_time() {
        for (size, slide, offset) in [(10, 10, 0), (10, 3, 1), (10, 5, -2), (3, 10, 0)] {
            for time in -40i64..40 {
                let windows = assign_windows([Some(time)].into_iter(), size, slide, offset).unwrap();
                let expected: Vec<i64> =
                    (-100..100).filter(|s| (s - offset) % slide == 0 && *s <= time && time < s + size).collect();
                assert_eq!(windows.starts, expected, "{time} in {size} by {slide} from {offset}");
                assert!(windows.starts.iter().zip(&windows.ends).all(|(s, e)| e - s == size));
            }
        }
    }

    #[test]
    fn null_is_in_no_window_and_the_edge_is_an_error() {
        assert!(assign_windows([None].into_iter(), 10, 10, 0).unwrap().rows.is_empty());
        assert!(assign_windows([Some(i64::MAX)].into_iter(), 10, 10, 0).is_err());
    }
}
