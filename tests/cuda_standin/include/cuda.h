// Empty: cudarc and dfdx look for the toolkit by this file.
