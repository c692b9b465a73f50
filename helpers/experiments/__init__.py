"""What happens when systems are run and judged on purpose: grids, failures, attacks, facts in
weights?
"""
