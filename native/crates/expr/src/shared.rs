//! Finds subexpressions that occur more than once, so that each is computed once a batch. Only those that some
//! occurrence computes for every row are shared: one that only stands behind CASE, AND, OR or COALESCE stays there,
//! as it may fail for rows that never need it.

use std::collections::HashMap;

use millrace_plan::{BinaryOp, Expr};

use crate::registry;

/// Equal text means equal expression: it names every operator, type and constant.
pub(crate) fn key_of(expr: &Expr) -> String {
    format!("{expr:?}")
}

#[derive(Default)]
struct Occurrence {
    count: usize,
    always: bool,
    order: usize,
}

/// The shared subexpressions, inner ones before the ones that hold them.
pub(crate) fn shared(exprs: &[Expr]) -> Vec<&Expr> {
    let mut seen: HashMap<String, (Occurrence, &Expr)> = HashMap::new();
    let mut order = 0;
    for expr in exprs {
        walk(expr, true, &mut seen, &mut order);
    }
    let mut found: Vec<(usize, &Expr)> =
        seen.into_values().filter(|(o, _)| o.count > 1 && o.always).map(|(o, expr)| (o.order, expr)).collect();
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, expr)| expr).collect()
}

fn walk<'a>(expr: &'a Expr, always: bool, seen: &mut HashMap<String, (Occurrence, &'a Expr)>, order: &mut usize) {
    let leaf = matches!(expr, Expr::Column { .. } | Expr::Literal { .. });
    // Each call of random() is its own.
    if leaf || is_volatile(expr) {
        return;
    }
    let key = key_of(expr);
    if let Some((occurrence, _)) = seen.get_mut(&key) {
        occurrence.count += 1;
        occurrence.always |= always;
        return;
    }
    match expr {
        Expr::Binary { operator: BinaryOp::And | BinaryOp::Or, left, right, .. } => {
            walk(left, always, seen, order);
            walk(right, false, seen, order);
        }
        Expr::Case { branches, otherwise, .. } => {
            for (i, branch) in branches.iter().enumerate() {
                walk(&branch.when, always && i == 0, seen, order);
                walk(&branch.then, false, seen, order);
            }
            otherwise.iter().for_each(|e| walk(e, false, seen, order));
        }
        Expr::Call { function, args, .. } if function == "coalesce" => {
            for (i, arg) in args.iter().enumerate() {
                walk(arg, always && i == 0, seen, order);
            }
        }
        _ => children(expr).for_each(|e| walk(e, always, seen, order)),
    }
    seen.insert(key, (Occurrence { count: 1, always, order: *order }, expr));
    *order += 1;
}

/// Whether each evaluation gives a value of its own.
pub(crate) fn is_volatile(expr: &Expr) -> bool {
    matches!(expr, Expr::Call { function, .. } if registry::is_volatile(function))
        || all_children(expr).any(is_volatile)
}

fn children(expr: &Expr) -> impl Iterator<Item = &Expr> {
    all_children(expr)
}

fn all_children(expr: &Expr) -> Box<dyn Iterator<Item = &Expr> + '_> {
    match expr {
        Expr::Column { .. } | Expr::Literal { .. } | Expr::Parameter { .. } => Box::new(std::iter::empty()),
        Expr::Binary { left, right, .. } => Box::new([left.as_ref(), right.as_ref()].into_iter()),
        Expr::Not { input } | Expr::Negate { input } | Expr::IsNull { input, .. } | Expr::Cast { input, .. } => {
            Box::new(std::iter::once(input.as_ref()))
        }
        Expr::Case { branches, otherwise, .. } => {
            Box::new(branches.iter().flat_map(|b| [&b.when, &b.then]).chain(otherwise.as_deref()))
        }
        Expr::InList { input, list, .. } => Box::new(std::iter::once(input.as_ref()).chain(list)),
        Expr::Like { input, pattern, .. } => Box::new([input.as_ref(), pattern.as_ref()].into_iter()),
        Expr::Call { args, .. } | Expr::Predict { args, .. } => Box::new(args.iter()),
    }
}
