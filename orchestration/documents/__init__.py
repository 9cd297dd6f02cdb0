"""Documents generated from the project itself: the metric dictionary and the folder of HTML."""
