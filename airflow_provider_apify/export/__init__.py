"""Results on their way out of Apify: which rows to ask for, how to lay them out, where to put them."""
