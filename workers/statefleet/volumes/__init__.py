"""Make volumes for claims, bind the two, and see to what is left when a claim goes."""
