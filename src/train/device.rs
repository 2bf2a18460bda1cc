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

/// A GPU without room for what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the memory of the GPU is full; take a smaller --batch (with --accumulate a step still sees as many samples), \
     a smaller --size or a smaller --model"
)]
pub struct OutOfMemory;

/// Runs `f`. Where it runs out of a GPU's memory dfdx panics; here that becomes an error. Other panics go on.
///
/// # Errors
///
/// No more memory on the GPU. What `f` was working on is lost.
pub fn within_memory<R>(f: impl FnOnce() -> R) -> Result<R, OutOfMemory> {
    silence_out_of_memory();
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).map_err(|panic| {
        if !message(panic.as_ref()).is_some_and(is_out_of_memory) {
            std::panic::resume_unwind(panic);
        }
        OutOfMemory
    })
}

/// Keeps the panics that [`within_memory`] turns into errors from being printed.
fn silence_out_of_memory() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !message(info.payload()).is_some_and(is_out_of_memory) {
                before(info);
            }
        }));
    });
}

/// Whether it is of the driver's or the matrix library's word for it.
fn is_out_of_memory(text: &str) -> bool {
    text.contains("CUDA_ERROR_OUT_OF_MEMORY") || text.contains("CUBLAS_STATUS_ALLOC_FAILED")
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
    fn only_a_lack_of_memory_becomes_an_error() {
        assert_eq!(within_memory(|| 3), Ok(3));
        // The word of the driver, as dfdx's panics hold it, and as a plain text.
        let full = "called `Result::unwrap()` on an `Err` value: Driver(DriverError(CUDA_ERROR_OUT_OF_MEMORY, ...))";
        assert_eq!(within_memory(|| panic!("{full}")), Err::<(), _>(OutOfMemory));
        assert_eq!(within_memory(|| panic!("CUDA_ERROR_OUT_OF_MEMORY")), Err::<(), _>(OutOfMemory));
        let other = std::panic::catch_unwind(|| within_memory(|| panic!("another")));
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
