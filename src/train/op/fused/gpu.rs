//! Kernels and matrix products over the memory of a GPU.
//!
//! Everything is put on the one stream of dfdx's device, in order. So memory may be given back while kernels that read it still wait:
//! whoever gets it next comes later on the stream.

#![expect(unsafe_code, reason = "what a kernel or a product does with the addresses it gets is known to nobody else")]

use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;

use cudarc::cublas::sys::cublasOperation_t;
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig, StridedBatchedConfig};
use cudarc::driver::sys::CUdeviceptr;
use cudarc::driver::{CudaDevice, CudaSlice, DevicePtr, DevicePtrMut, DeviceRepr, DeviceSlice, LaunchAsync};
use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use dfdx::shapes::{HasShape, Shape, Unit};
use dfdx::tensor::{Cache, Cuda, Storage, Synchronize, Tensor, Tensorlike, ZerosTensor};
use dfdx::tensor_ops::Device;

use super::super::Scalar;
use super::super::row::done;
use super::grid::{Grid, int};

/// A number type that kernels are compiled for.
pub trait Real: Scalar + DeviceRepr {
    /// Its name in CUDA C.
    const NAME: &'static str;

    /// Puts a batch of products on the stream of `blas`.
    ///
    /// # Safety
    ///
    /// All matrices lie within the memory behind their addresses.
    unsafe fn products(blas: &CudaBlas, by: StridedBatchedConfig<Self>, a: At<Self>, b: At<Self>, c: At<Self>);
}

macro_rules! real {
    ($number:ty, $name:literal) => {
        impl Real for $number {
            const NAME: &'static str = $name;

            unsafe fn products(
                blas: &CudaBlas,
                by: StridedBatchedConfig<Self>,
                a: At<Self>,
                b: At<Self>,
                mut c: At<Self>,
            ) {
                // SAFETY: the caller's word.
                done(unsafe {
                    if by.batch_size == 1 {
                        blas.gemm(by.gemm, &a, &b, &mut c)
                    } else {
                        blas.gemm_strided_batched(by, &a, &b, &mut c)
                    }
                });
            }
        }
    };
}
real!(f32, "float");
real!(f64, "double");

/// Where values are in the memory of a GPU, and how many.
#[derive(Debug, Clone, Copy)]
pub struct At<E> {
    address: CUdeviceptr,
    len: usize,
    values: PhantomData<E>,
}

impl<E: Unit> At<E> {
    /// The values of a tensor, in the order of its memory: see [`flat`](super::super::record::flat).
    pub(super) fn of<S: Shape>(x: &Tensor<S, E, Cuda>) -> Self {
        let Some(memory) = x.data() else { unreachable!("only a ghost has no memory") };
        let len = x.shape().num_elements();
        assert!(memory.len() >= len, "a broadcast tensor has {} values in memory, not {len}", memory.len());
        Self { address: *memory.device_ptr(), len, values: PhantomData }
    }

    /// The values of memory that no tensor has.
    pub(super) fn memory(memory: &<Cuda as Storage<E>>::Vec) -> Self {
        Self { address: *memory.device_ptr(), len: memory.len(), values: PhantomData }
    }

    /// How many there are.
    pub(super) fn len(self) -> usize {
        self.len
    }

    /// `len` values from number `from` on.
    pub(super) fn part(self, from: usize, len: usize) -> Self {
        assert!(from + len <= self.len, "values {from} to {} of {}", from + len, self.len);
        let address = self.address + (from * size_of::<E>()) as CUdeviceptr;
        Self { address, len, values: PhantomData }
    }
}

impl<E> DeviceSlice<E> for At<E> {
    fn len(&self) -> usize {
        self.len
    }
}

impl<E> DevicePtr<E> for At<E> {
    fn device_ptr(&self) -> &CUdeviceptr {
        &self.address
    }
}

impl<E> DevicePtrMut<E> for At<E> {
    fn device_ptr_mut(&mut self) -> &mut CUdeviceptr {
        &mut self.address
    }
}

// SAFETY: a kernel gets the address, its first field.
unsafe impl<E> DeviceRepr for At<E> {
    fn as_kernel_param(&self) -> *mut std::ffi::c_void {
        std::ptr::from_ref(&self.address).cast_mut().cast()
    }
}

/// Some whole numbers that a kernel takes as one structure.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(super) struct Numbers<const N: usize>([i32; N]);

// SAFETY: plain numbers in a row, as a C structure of so many `int` has them.
unsafe impl<const N: usize> DeviceRepr for Numbers<N> {}

impl<const N: usize> Numbers<N> {
    /// These.
    pub(super) fn of(numbers: [usize; N]) -> Self {
        Self(numbers.map(int))
    }
}

/// The most products of a batch that is given to cuBLAS: a grid has no more rows, and some of its kernels have one for each.
const PRODUCTS: usize = 65_535;

/// A matrix of a product, row by row in memory: from a batch of them each so many values behind the one before, 0 for the same each
/// time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factor<E> {
    at: At<E>,
    turned: bool,
    step: usize,
}

impl<E> Factor<E> {
    /// The matrix as it is.
    pub(super) fn plain(at: At<E>, step: usize) -> Self {
        Self { at, turned: false, step }
    }

    /// Its transpose is meant.
    pub(super) fn turned(at: At<E>, step: usize) -> Self {
        Self { at, turned: true, step }
    }

    /// Where the batch is from matrix number `first` on.
    fn after(self, first: usize) -> At<E>
    where
        E: Unit,
    {
        self.at.part(first * self.step, self.at.len - first * self.step)
    }
}

/// The device of some tensor.
#[derive(Debug, Clone)]
pub(super) struct Gpu {
    driver: Arc<CudaDevice>,
    dfdx: Cuda,
}

const SOURCES: [&str; 8] = [
    include_str!("kernels/common.cu"),
    include_str!("kernels/convolution.cu"),
    include_str!("kernels/pointwise.cu"),
    include_str!("kernels/norm.cu"),
    include_str!("kernels/attention.cu"),
    include_str!("kernels/loss.cu"),
    include_str!("kernels/resize.cu"),
    include_str!("kernels/optimiser.cu"),
];

/// The names of all kernels.
fn names() -> Vec<&'static str> {
    let of = |source: &'static str| source.split("__global__ void ").skip(1).filter_map(|rest| rest.split('(').next());
    SOURCES.into_iter().flat_map(of).collect()
}

impl Gpu {
    /// The one that `x` is on.
    pub(super) fn of<S: Shape, E: Unit>(x: &Tensor<S, E, Cuda>) -> Self {
        let Some(memory) = x.data() else { unreachable!("only a ghost has no memory") };
        Self { driver: memory.device(), dfdx: x.device().clone() }
    }

    /// Puts a kernel on the stream. What it gets must fit its parameters, and what it writes must belong to nobody else.
    pub(super) fn launch<E: Real, P>(&self, kernel: &str, grid: Grid, parameters: P)
    where
        cudarc::driver::CudaFunction: LaunchAsync<P>,
    {
        if grid.is_empty() {
            return;
        }
        if !self.driver.has_func(E::NAME, kernel) {
            self.load::<E>();
        }
        let Some(function) = self.driver.get_func(E::NAME, kernel) else {
            unreachable!("no kernel is called {kernel}")
        };
        // SAFETY: the operations beside this file give each kernel the parameters it declares, of memory that is there: tests run all
        // of them on a stand-in that ends the program for every access beyond it.
        done(unsafe { function.launch(grid.into(), parameters) }.map_err(|error| (kernel, error)));
    }

    /// Compiles all kernels for a number type.
    fn load<E: Real>(&self) {
        let source = format!("typedef {} real;\n{}", E::NAME, SOURCES.concat());
        // For what dfdx's kernels are compiled for: not told, a compiler takes the oldest it knows, which may lack some instructions.
        let arch = option_env!("CUDA_COMPUTE_CAP").map(|capability| &*format!("compute_{capability}").leak());
        let program = done(compile_ptx_with_opts(source, CompileOptions { arch, ..CompileOptions::default() }));
        done(self.driver.load_ptx(program, E::NAME, &names()));
    }

    /// `c = scale a b + keep c` for a batch: row by row, c has m rows and n columns, and each c follows the one before.
    pub(super) fn products<E: Real>(
        &self,
        batch: usize,
        [m, n, k]: [usize; 3],
        (a, b): (Factor<E>, Factor<E>),
        (scale, keep): (E, E),
        c: At<E>,
    ) {
        let fits = |f: Factor<E>, rows: usize, columns: usize| (batch - 1) * f.step + rows * columns <= f.at.len;
        assert!(fits(a, m, k) && fits(b, k, n) && batch * m * n <= c.len, "a product beyond its memory");
        let turn = |f: Factor<E>| match f.turned {
            true => cublasOperation_t::CUBLAS_OP_T,
            false => cublasOperation_t::CUBLAS_OP_N,
        };
        // cuBLAS counts column by column, and so sees the transpose of everything.
        let gemm = GemmConfig {
            transa: turn(b),
            transb: turn(a),
            m: int(n),
            n: int(m),
            k: int(k),
            alpha: scale,
            lda: int(if b.turned { k } else { n }),
            ldb: int(if a.turned { m } else { k }),
            beta: keep,
            ldc: int(n),
        };
        for first in (0..batch).step_by(PRODUCTS) {
            let batch = PRODUCTS.min(batch - first);
            let by = StridedBatchedConfig {
                gemm,
                batch_size: int(batch),
                stride_a: b.step as i64,
                stride_b: a.step as i64,
                stride_c: (m * n) as i64,
            };
            let c = c.part(first * m * n, batch * m * n);
            // SAFETY: the sizes were compared with the memory.
            unsafe { E::products(&self.kept().blas, by, b.after(first), a.after(first), c) };
        }
    }

    /// Memory for `len` values, which are whatever was there.
    pub(super) fn room<E: Real>(&self, len: usize) -> Room<E> {
        let bytes = len * size_of::<E>();
        let kept = self.kept();
        let mut free = kept.free.borrow_mut();
        // The smallest that is large enough; one much larger would be missed by what needs it.
        let fits = |i: &usize| (bytes..=bytes + bytes / 4).contains(&free[*i].len());
        let found = (0..free.len()).filter(fits).min_by_key(|i| free[*i].len());
        let found = found.map(|i| free.swap_remove(i));
        drop(free);
        // SAFETY: a room is written before it is read.
        let new = || unsafe { self.driver.alloc::<u8>(bytes) };
        let memory = found.unwrap_or_else(|| done(or_in_the_idle(&self.dfdx, new)));
        Room { memory: Some(memory), kept, len, values: PhantomData }
    }

    fn kept(&self) -> Rc<Kept> {
        KEPT.with(|kept| {
            let mut kept = kept.borrow_mut();
            match &*kept {
                Some(kept) if Arc::ptr_eq(&kept.device, &self.driver) => Rc::clone(kept),
                _ => {
                    let device = Arc::clone(&self.driver);
                    let blas = done(CudaBlas::new(Arc::clone(&device)));
                    Rc::clone(kept.insert(Rc::new(Kept { device, blas, free: RefCell::default() })))
                }
            }
        })
    }
}

thread_local! {
    /// What this thread keeps for the device it works with. It is never given back: a thread that ends may be the last of a program
    /// whose driver is gone.
    static KEPT: ManuallyDrop<RefCell<Option<Rc<Kept>>>> = const { ManuallyDrop::new(RefCell::new(None)) };
}

/// A result of `shape`, cleared.
pub(super) fn zeros<S: Shape, E: Real>(device: &Cuda, shape: &S) -> Tensor<S, E, Cuda>
where
    Cuda: Device<E>,
{
    done(or_in_the_idle(device, || device.try_zeros_like(shape)))
}

/// Runs `f`, which takes memory; once more where that fails, when all memory that waits for more of the same was given back.
pub(super) fn or_in_the_idle<R, Error>(device: &Cuda, mut f: impl FnMut() -> Result<R, Error>) -> Result<R, Error> {
    f().or_else(|_| {
        give_back_idle(device);
        f()
    })
}

/// Gives back the memory that waits to be used again: ours, which fits what is a little smaller, and dfdx's, which fits only what is
/// of the same size.
pub(in super::super) fn give_back_idle(device: &Cuda) {
    KEPT.with(|kept| kept.borrow().iter().for_each(|kept| kept.free.borrow_mut().clear()));
    device.empty_cache();
    // Pieces become one again when they are free, which on a stream is later.
    done(device.try_synchronize());
}

/// What is worth keeping for a device: the library's handle, and memory that waits to be used again.
#[derive(Debug)]
struct Kept {
    device: Arc<CudaDevice>,
    blas: CudaBlas,
    free: RefCell<Vec<CudaSlice<u8>>>,
}

/// Memory for a while.
#[derive(Debug)]
pub(super) struct Room<E> {
    memory: Option<CudaSlice<u8>>,
    kept: Rc<Kept>,
    len: usize,
    values: PhantomData<E>,
}

impl<E: Real> Room<E> {
    pub(super) fn at(&self) -> At<E> {
        let address = self.memory.as_ref().map_or(0, |memory| *memory.device_ptr());
        At { address, len: self.len, values: PhantomData }
    }
}

impl<E> Drop for Room<E> {
    fn drop(&mut self) {
        self.kept.free.borrow_mut().extend(self.memory.take());
    }
}
