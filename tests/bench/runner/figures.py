"""Figures out of what the load generator tells."""

import statistics

MCTENANTS = ("mctenant", "mctenant-2")


def of_process(told, process, figure):
    return told["processes"][str(process.pid)].get(figure) if process else None


def costs(told, target):
    """Of the process in front and the server behind it, an operation; and what went wrong."""
    figures = {"front_cpu_us": of_process(told, target.front, "cpu_us_per_operation"),
               "server_cpu_us": of_process(told, target.server, "cpu_us_per_operation"),
               "front_waited_us": of_process(told, target.front, "waited_us_per_operation"),
               "server_waited_us": of_process(told, target.server, "waited_us_per_operation"),
               "errors": told["errors"]}
    if told.get("first_error"):
        figures["first_error"] = told["first_error"]
    return figures


def of_load(told, target):
    """What every run of requests tells."""
    return {"per_second": told["operations_per_second"], "latency_us": told["latency_us"], "gets": told["gets"],
            "misses": told["misses"],
            "rss_kib": of_process(told, target.front, "rss_kib"), "load_cpu_us": told["load_cpu_us_per_operation"],
            "other_processes_cores": told["other_processes_cores"], **costs(told, target)}


def median(several):
    """Of each number by itself; what is no number is the last one's. Errors are summed: none is forgotten."""
    result = dict(several[-1])
    for key, value in result.items():
        if key == "errors":
            result[key] = sum(each[key] for each in several)
        elif isinstance(value, dict):
            result[key] = median([each[key] for each in several if key in each])
        elif isinstance(value, (int, float)):
            result[key] = statistics.median([each[key] for each in several if each.get(key) is not None])
    return result
