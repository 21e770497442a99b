"""An HTTP/1.1 server of our own: hostile bytes in, requests out, every limit stated.

It knows nothing of remits. The gateway, the console and the pages for labelling stand on it.
"""
