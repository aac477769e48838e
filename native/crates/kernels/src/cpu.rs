//! The one place where the processor's features are asked for. A kernel is written once, as plain loops over lanes, and
//! compiled twice: for every processor of the architecture, and for those with 256-bit vectors.

/// Defines a function whose body is compiled with AVX2 as well and which takes that copy where the processor has it.
/// Benefit: unpacking and summing run at twice to three times the speed (`examples/bench_encodings.rs`).
macro_rules! wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident$(<$generic:ident: $bound:path>)?($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name$(<$generic: $bound>)?($($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn plain$(<$generic: $bound>)?($($arg: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
                fn vector$(<$generic: $bound>)?($($arg: $type),*) $(-> $result)? {
                    plain($($arg),*)
                }
                if $crate::cpu::has_vectors() {
                    // SAFETY: the features that the function is compiled for have just been found.
                    return unsafe { vector($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    };
}

pub(crate) use wide;

#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_vectors() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("popcnt")
        && std::arch::is_x86_feature_detected!("lzcnt")
}
