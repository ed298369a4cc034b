"""Functions of functions: grad, jvp, vjp, hessian, vmap, replay."""
