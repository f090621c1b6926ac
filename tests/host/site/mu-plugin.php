<?php

// WordPress has just set error_reporting to what it likes (see warnings.php).
error_reporting(HOST_ERROR_REPORTING);

/**
 * Takes the place of WordPress' own: no site of the tests sends mail.
 */
function wp_mail() {
  return TRUE;
}
