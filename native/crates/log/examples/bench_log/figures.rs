//! Figures as JSON lines.

/// Prints one repetition's figure. `better` is `higher` or `lower`; names hold nothing that JSON would have to quote.
pub fn figure(case: &str, subject: &str, metric: &str, unit: &str, better: &str, value: f64, goal: Option<f64>) {
    let goal = goal.map_or(String::new(), |goal| format!(",\"goal\":{goal}"));
    println!(
        "{{\"case\":\"{case}\",\"subject\":\"{subject}\",\"metric\":\"{metric}\",\"unit\":\"{unit}\",\
         \"better\":\"{better}\",\"value\":{value}{goal}}}"
    );
}

pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}

/// A figure of /proc/self/status in bytes, such as `VmRSS`.
pub fn process_bytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    number.map_or(f64::NAN, |kib| kib * 1024.0)
}

/// How many entries a folder of /proc/self has: `fd`, `task`.
pub fn process_count(folder: &str) -> f64 {
    std::fs::read_dir(format!("/proc/self/{folder}")).map_or(f64::NAN, |entries| entries.count() as f64)
}
