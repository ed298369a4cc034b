"""From a function to a tape: what it computes, in an order, and what the code is right for."""
