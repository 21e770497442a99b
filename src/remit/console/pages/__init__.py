"""The pages, one file each: functions of a `Visit` that answer a request."""
