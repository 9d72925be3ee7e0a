"""What a run costs and how long it takes: before it starts, when it is planned, and after it has ended.

    prices.py       what AWS asks for a unit of each thing, by region, with date and source (prices.json)
    price_list.py   the same of any region, out of AWS's own list
    quantities.py   how much of each thing, and the bill that this makes
    workload.py     what there is to do: images, bytes, batches, shards, jobs
    rates.py        how fast it is done, and where that is known from
    estimate.py     workload and rates -> quantities and seconds; no service is asked
    usage.py        what a run has really used, as far as it leaves a trace
    stored.py       prices and rates that a stack keeps in its results bucket
    budget.py       the limit of a run
    prospect.py     the work of a run that nobody has started
    account.py      both side by side, as summary.json has them; telling.py says it in lines

docs/costs.md works an example through.
"""
