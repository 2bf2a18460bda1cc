//! Where a network runs.

use std::fmt;
use std::str::FromStr;

use crate::panic::message;

pub use dfdx::tensor::Cpu;
#[cfg(feature = "cuda")]
pub use dfdx::tensor::Cuda;

/// A device by name: `cpu`, or `cuda:0` for the first GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    /// The processor.
    #[default]
    Cpu,
    /// The GPU of this number.
    Cuda(usize),
}

/// A device that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// No such name.
    #[error("there is no device `{0}`; there are cpu and cuda:0, cuda:1 and so on")]
    Unknown(String),
    /// A program built without CUDA.
    #[error(
        "this program was built without CUDA; build it with `--features cuda` (scripts/cuda-build.sh), or take --device cpu"
    )]
    NotBuilt,
    /// A GPU that does not answer.
    #[error("GPU {number} cannot be used: {reason}; `sdtrain doctor` says what was found")]
    Failed {
        /// Its number.
        number: usize,
        /// What the driver said.
        reason: String,
    },
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", number)) => number.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// The GPU `number`, keeping freed memory for the next tensor of that size.
///
/// # Errors
///
/// No driver, no such GPU, or none that answers.
#[cfg(feature = "cuda")]
pub fn cuda(number: usize) -> Result<Cuda, DeviceError> {
    use dfdx::tensor::Cache;
    let device = std::panic::catch_unwind(|| Cuda::try_build(number, 0))
        .map_err(|_| DeviceError::Failed { number, reason: "the CUDA libraries cannot be loaded".to_owned() })?
        .map_err(|e| DeviceError::Failed { number, reason: format!("{e:?}") })?;
    device.enable_cache();
    Ok(device)
}

/// What a GPU cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuLimit {
    /// It has no room for what was asked of it.
    #[error(
        "the memory of the GPU is full; take a smaller --batch (with --accumulate a step still sees as many samples), \
         a smaller --size or a smaller --model"
    )]
    Memory,
    /// A map has more values than an operation counts.
    #[error("{0}")]
    Values(String),
}

/// Ends up in [`GpuLimit::Values`].
pub(crate) const TOO_MANY: &str = "too many for one operation on a GPU";

/// Runs `f`. Where it comes to the limits of a GPU dfdx and operations panic; here that becomes an error. Other panics go on.
///
/// # Errors
///
/// No more memory on the GPU, or too large a map. What `f` was working on is lost.
pub fn within_limits<R>(f: impl FnOnce() -> R) -> Result<R, GpuLimit> {
    silence_limits();
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f))
        .map_err(|panic| message(panic.as_ref()).and_then(limit).unwrap_or_else(|| std::panic::resume_unwind(panic)))
}

/// Keeps the panics that [`within_limits`] turns into errors from being printed.
fn silence_limits() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if message(info.payload()).and_then(limit).is_none() {
                before(info);
            }
        }));
    });
}

/// The limit that a panic tells of: the driver's or the matrix library's word for a full memory, or ours for too large a map.
fn limit(text: &str) -> Option<GpuLimit> {
    match text {
        text if ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED"].iter().any(|word| text.contains(word)) => {
            Some(GpuLimit::Memory)
        }
        text if text.contains(TOO_MANY) => Some(GpuLimit::Values(text.to_owned())),
        _ => None,
    }
}

/// Evaluates an expression, a `Result`, with a device bound to a name, whatever its type: the one that a [`DeviceName`] means.
macro_rules! on_device {
    ($name:expr, |$device:ident| $body:expr) => {
        match $name {
            $crate::train::device::DeviceName::Cpu => {
                let $device = $crate::train::device::Cpu::default();
                $body
            }
            #[cfg(feature = "cuda")]
            $crate::train::device::DeviceName::Cuda(number) => match $crate::train::device::cuda(number) {
                Ok($device) => $body,
                Err(e) => Err(e.into()),
            },
            #[cfg(not(feature = "cuda"))]
            $crate::train::device::DeviceName::Cuda(_) => Err($crate::train::device::DeviceError::NotBuilt.into()),
        }
    };
}
pub(crate) use on_device;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_limits_of_a_gpu_become_errors() {
        assert_eq!(within_limits(|| 3), Ok(3));
        // The word of the driver, as dfdx's panics hold it, and as a plain text.
        let full = "called `Result::unwrap()` on an `Err` value: Driver(DriverError(CUDA_ERROR_OUT_OF_MEMORY, ...))";
        assert_eq!(within_limits(|| panic!("{full}")), Err::<(), _>(GpuLimit::Memory));
        assert_eq!(within_limits(|| panic!("CUDA_ERROR_OUT_OF_MEMORY")), Err::<(), _>(GpuLimit::Memory));
        let large = format!("3 values are {TOO_MANY}");
        assert_eq!(within_limits(|| panic!("{large}")).map_err(|e| e.to_string()), Err::<(), _>(large.clone()));
        let other = std::panic::catch_unwind(|| within_limits(|| panic!("another")));
        assert_eq!(message(other.unwrap_err().as_ref()), Some("another"));
    }

    #[test]
    fn devices_have_names() {
        for name in [DeviceName::Cpu, DeviceName::Cuda(0), DeviceName::Cuda(3)] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for wrong in ["gpu", "cuda:", "cuda:x", "cpu:0", ""] {
            assert_eq!(wrong.parse::<DeviceName>(), Err(DeviceError::Unknown(wrong.to_owned())));
        }
    }
}
