//! Writes `plan.generated.ts` and `functions.generated.ts` into the folder that is its one argument.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("usage: generate FOLDER"));
    std::fs::write(folder.join("plan.generated.ts"), millrace_plan::typescript_plan())?;
    let functions = millrace_plan::typescript_functions(&millrace_expr::registry::signatures());
    std::fs::write(folder.join("functions.generated.ts"), functions)
}
