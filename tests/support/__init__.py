"""What the tests share: a daemon at home, clips made to order, damage, desktops, folders."""
