<?php

/**
 * The scheduled job "CiviShare: send".
 *
 * JobManager of CiviCRM 5.x catches only Exception; an Error that got past this function would end the whole cron run.
 *
 * @param array $params
 *
 * @return array
 */
function civicrm_api3_job_civishare_send($params) {
  return \Civi\Share\Admin\JobRunner::run('\\Civi\\Share\\Job\\Send');
}
