"""What all resources share: the contract that a resource fulfils, the plan, and carrying it out."""
