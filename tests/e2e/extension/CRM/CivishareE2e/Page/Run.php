<?php

/**
 * Evaluates the PHP code that the tests post, if they know the key. Never install this anywhere but on a test site.
 */
class CRM_CivishareE2e_Page_Run extends CRM_Core_Page {

  public function run() {
    $key = (string) (_civishare_e2e_play()['key'] ?? '');
    if (strlen($key) < 32 || !hash_equals($key, (string) ($_SERVER['HTTP_X_CIVISHARE_E2E'] ?? ''))) {
      header('HTTP/1.1 404 Not Found', TRUE, 404);
      CRM_Utils_System::civiExit();
    }
    $command = json_decode(file_get_contents('php://input'), TRUE);
    header('Content-Type: application/json');
    try {
      $answer = ['result' => self::evaluate($command['code'], $command['args'])];
    }
    catch (\Throwable $e) {
      $answer = ['error' => get_class($e), 'message' => $e->getMessage(), 'trace' => $e->getFile() . ':' . $e->getLine() . "\n" . $e->getTraceAsString()];
    }
    echo json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE);
    CRM_Utils_System::civiExit();
  }

  private static function evaluate(string $code, array $args) {
    extract($args);
    return eval($code);
  }

}
