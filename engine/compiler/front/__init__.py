"""From a function to a trace: what it computes, in an order, and what the code is right for."""
